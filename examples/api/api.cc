// A small API: notes as JSON, their changes as Server-Sent Events, uploads, and a handler that
// waits.
//
// The notes are static, so all threads of the worker share them, and a lock; with several workers
// they would belong into a database. Changes are published in the room "notes".
#include <sockherd/app.h>

#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace sockherd::app;
using nlohmann::json;

constexpr size_t kMostNotes = 10'000;
constexpr size_t kMostText = 10'000;

class Notes {
 public:
  json all() const {
    const std::lock_guard lock(mutex_);
    json list = json::array();
    for (const auto& [id, text] : notes_) list.push_back(json{{"id", id}, {"text", text}});
    return list;
  }
  json get(int id) const {
    const std::lock_guard lock(mutex_);
    const auto found = notes_.find(id);
    if (found == notes_.end()) throw HttpError(404, "there is no such note");
    return json{{"id", id}, {"text", found->second}};
  }
  json add(std::string text) {
    const std::lock_guard lock(mutex_);
    if (notes_.size() == kMostNotes) throw HttpError(507, "there are too many notes");
    const int id = next_++;
    notes_[id] = text;
    return json{{"id", id}, {"text", std::move(text)}};
  }
  json change(int id, std::string text) {
    const std::lock_guard lock(mutex_);
    const auto found = notes_.find(id);
    if (found == notes_.end()) throw HttpError(404, "there is no such note");
    found->second = text;
    return json{{"id", id}, {"text", std::move(text)}};
  }
  void remove(int id) {
    const std::lock_guard lock(mutex_);
    if (notes_.erase(id) == 0) throw HttpError(404, "there is no such note");
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, std::string> notes_;
  int next_ = 1;
};

Notes& notes() {
  static Notes the_notes;
  return the_notes;
}

int id_of(const Request& request) {
  const std::string_view text = request.param("id");
  int id = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || text.size() > 9) throw HttpError(400, "an id is a number");
    id = id * 10 + (c - '0');
  }
  return id;
}

std::string text_of(const Request& request) {
  const json body = request.json();
  if (!body.is_object() || !body.contains("text") || !body["text"].is_string()) {
    throw HttpError(422, "write {\"text\": \"...\"}");
  }
  std::string text = body["text"];
  if (text.size() > kMostText) throw HttpError(422, "the text is too long");
  return text;
}

}  // namespace

SOCKHERD_APP(app) {
  const auto tell = [&app](const char* what, const json& note) {
    app.publish("notes", json{{"event", what}, {"note", note}}.dump());
  };

  app.get("/notes", [](Request&, Response& response) { response.json(notes().all()); });
  app.get("/notes/:id",
          [](Request& request, Response& response) { response.json(notes().get(id_of(request))); });
  app.post("/notes", [tell](Request& request, Response& response) {
    const json note = notes().add(text_of(request));
    tell("added", note);
    response.status(201)
        .header("Location", std::string(request.prefix()) + "/notes/" + note["id"].dump())
        .json(note);
  });
  app.put("/notes/:id", [tell](Request& request, Response& response) {
    const json note = notes().change(id_of(request), text_of(request));
    tell("changed", note);
    response.json(note);
  });
  app.del("/notes/:id", [tell](Request& request, Response& response) {
    notes().remove(id_of(request));
    tell("removed", json{{"id", id_of(request)}});
    response.status(204);
  });

  // Whoever looks at /events, in this thread.
  auto streams = std::make_shared<std::list<std::shared_ptr<EventStream>>>();
  app.get("/events", [streams](Request&, Response& response) {
    std::shared_ptr<EventStream> stream = response.events();
    stream->send({.data = "{}", .event = "hello", .retry = std::chrono::seconds(1)});
    const auto place = streams->insert(streams->end(), std::move(stream));
    (*place)->on_close([streams, place] { streams->erase(place); });
  });
  app.listen("notes", [streams](const Message& message) {
    const json change = json::parse(message.payload);
    const std::string event = change["event"];
    const std::string data = change["note"].dump();
    for (const auto& stream : *streams) stream->send({.data = data, .event = event});
  });

  app.post("/upload", [](Request& request, Response& response) {
    json files = json::array();
    for (const Upload* file : request.files()) {
      files.push_back(json{{"field", file->name()},
                           {"filename", file->filename()},
                           {"type", file->content_type()},
                           {"size", file->size()}});
    }
    response.json(json{{"by", request.form("by").value_or("")}, {"files", std::move(files)}});
  });

  // It waits, on a thread of its own; nobody else does.
  app.get(
      "/slow",
      [](Request&, Response& response) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        response.json(json{{"waited_ms", 50}});
      },
      kBlocking);

  app.error(404, [](Request& request, Response& response) {
    response.json(json{{"error", "there is no " + std::string(request.path())}});
  });
}
