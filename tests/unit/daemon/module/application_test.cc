#include "daemon/module/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/daemon/module/app_harness.h"

namespace sockherd::module {
namespace {

using stats::Count;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string text(std::string_view view) {
  return std::string(view);
}

TEST(Application, FindsRoutesByMethodAndPath) {
  AppHarness app([](App& routes) {
    const auto say = [](const char* what) {
      return [what](Request& request, Response& response) {
        response.text(what + text(" ") + text(request.param("id")) + "|" +
                      text(request.param("rest")) + "|" + text(request.route()));
      };
    };
    routes.get("/", say("root"));
    routes.get("/users/me", say("me"));
    routes.get("/users/:id", say("user"));
    routes.del("/users/:id", say("delete"));
    routes.get("/files/*rest", say("files"));
    routes.get("/users/:id/posts", say("posts"));
  });
  ASSERT_TRUE(app.started.ok());
  EXPECT_EQ(content_of(app.get("")), "root ||/");
  EXPECT_EQ(content_of(app.get("/")), "root ||/");
  EXPECT_EQ(content_of(app.get("/users/me")), "me ||/users/me");
  EXPECT_EQ(content_of(app.get("/users/7%20a")), "user 7 a||/users/:id");
  EXPECT_EQ(content_of(app.send("DELETE", "/users/me")), "delete me||/users/:id");
  EXPECT_EQ(content_of(app.get("/users/7/posts")), "posts 7||/users/:id/posts");
  EXPECT_EQ(content_of(app.get("/files/a/b.txt")), "files |a/b.txt|/files/*rest");
  EXPECT_EQ(content_of(app.get("/files")), "files ||/files/*rest");
  for (const char* path : {"/users", "/users/", "/users/7/", "/users/7/posts/1", "/nothing"}) {
    EXPECT_THAT(app.get(path), StartsWith("HTTP/1.1 404 ")) << path;
  }
}

TEST(Application, AnswersOtherMethodsItself) {
  AppHarness app([](App& routes) {
    routes.get("/a", [](Request&, Response& response) { response.text("content"); });
    routes.post("/a", [](Request&, Response&) {});
    routes.options("/own", [](Request&, Response& response) { response.text("mine"); });
  });
  EXPECT_THAT(app.send("HEAD", "/a"), HasSubstr("Content-Length: 7\r\n"));
  EXPECT_EQ(content_of(app.send("HEAD", "/a")), "");
  EXPECT_THAT(app.send("OPTIONS", "/a"), StartsWith("HTTP/1.1 204 "));
  EXPECT_THAT(app.send("OPTIONS", "/a"), HasSubstr("Allow: GET, HEAD, POST, OPTIONS\r\n"));
  EXPECT_THAT(app.send("PUT", "/a"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(app.send("PUT", "/a"), HasSubstr("Allow: GET, HEAD, POST, OPTIONS\r\n"));
  EXPECT_EQ(content_of(app.send("OPTIONS", "/own")), "mine");
  EXPECT_THAT(app.send("TRACE", "/a"), StartsWith("HTTP/1.1 405 "));
}

TEST(Application, RefusesBadRoutesAtItsStart) {
  for (const char* pattern : {"a", "/:", "/*a/b", "/:a/:a"}) {
    AppHarness app([pattern](App& routes) { routes.get(pattern, [](Request&, Response&) {}); });
    ASSERT_FALSE(app.started.ok()) << pattern;
    EXPECT_THAT(app.started.error().what, HasSubstr("module test: its setup ended with"));
    EXPECT_THAT(app.started.error().what, HasSubstr(pattern));
  }
  AppHarness twice([](App& routes) {
    routes.get("/:a", [](Request&, Response&) {});
    routes.get("/:b", [](Request&, Response&) {});
  });
  EXPECT_THAT(twice.started.error().what, HasSubstr("/:b is there already, as /:a"));
}

TEST(Application, ReadsQueriesHeadersAndCookies) {
  AppHarness app([](App& routes) {
    routes.get("/q", [](Request& request, Response& response) {
      std::string all;
      for (const app::Pair& each : request.queries()) {
        all += text(each.name) + "=" + text(each.value) + ";";
      }
      response.text(text(request.query("a").value_or("none")) + " " + all + " " +
                    text(request.header("X-Y").value_or("none")) + " " +
                    text(request.cookie("c").value_or("none")) + " " +
                    text(request.cookie("d").value_or("none")));
    });
  });
  EXPECT_EQ(content_of(app.get("/q?a=1&b=x+y%21&a=2", "X-y: v\r\nCookie: c=1; d=\"q\"\r\n")),
            "1 a=1;b=x y!;a=2; v 1 q");
  EXPECT_EQ(content_of(app.get("/q", "Cookie: e=f\r\nCookie: c=2\r\n")), "none  none 2 none");
}

TEST(Application, RunsFiltersAroundARoute) {
  AppHarness app([](App& routes) {
    routes.before("/admin/*", [](Request& request, Response& response) {
      if (!request.header("authorization")) response.status(401).text("who are you?");
    });
    routes.before([](Request& request, Response&) { request.local("seen") = 1; });
    routes.after([](Request& request, Response& response) {
      response.header("X-After", text(request.path()));
    });
    routes.get("/admin/panel", [](Request& request, Response& response) {
      response.text("panel " + std::to_string(*std::any_cast<int>(&request.local("seen"))));
    });
    routes.get("/open", [](Request&, Response& response) { response.text("open"); });
  });
  EXPECT_THAT(app.get("/admin/panel"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(app.get("/admin/panel"), HasSubstr("X-After: /admin/panel\r\n"));
  EXPECT_EQ(content_of(app.get("/admin/panel", "Authorization: x\r\n")), "panel 1");
  EXPECT_EQ(content_of(app.get("/open")), "open");
  EXPECT_THAT(app.get("/none"), Not(HasSubstr("X-After")));
}

TEST(Application, TellsExceptionsToTheLogAndNotToTheClient) {
  AppHarness app([](App& routes) {
    routes.get("/throws", [](Request&, Response& response) {
      response.header("Content-Encoding", "gzip").text("half");
      throw std::runtime_error("secret of the database");
    });
    routes.get("/http",
               [](Request&, Response&) { throw app::HttpError(418 - 14, "no such thing"); });
    routes.get("/int", [](Request&, Response&) { throw 1; });
  });
  testing::internal::CaptureStderr();
  const std::string answer = app.get("/throws");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
  EXPECT_THAT(answer, Not(HasSubstr("half")));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Encoding")));
  EXPECT_THAT(log, HasSubstr("handler-failed module=test where=/throws"));
  EXPECT_THAT(log, HasSubstr("secret of the database"));
  EXPECT_THAT(app.get("/http"), EndsWith("404 Not Found: no such thing\n"));
  EXPECT_EQ(app.count(Count::HandlerFailures), 1u);
  EXPECT_THAT(app.get("/int"), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(app.count(Count::HandlerFailures), 2u);
}

TEST(Application, LetsItSayWhatErrorsLookLike) {
  AppHarness app([](App& routes) {
    routes.get("/gone", [](Request&, Response& response) { response.fail(410, "long ago"); });
    routes.get("/throws", [](Request&, Response&) { throw std::runtime_error("x"); });
    routes.post("/p", [](Request&, Response&) {});
    routes.error(404, [](Request& request, Response& response) {
      response.html("<h1>no " + text(request.path()) + "</h1>");
    });
    routes.error(405, [](Request&, Response& response) { response.text("not so"); });
    routes.error(500, [](Request&, Response&) { throw std::runtime_error("again"); });
  });
  EXPECT_THAT(app.get("/x"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(app.get("/x"), EndsWith("<h1>no /x</h1>"));
  EXPECT_THAT(app.get("/p"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(app.get("/p"), HasSubstr("Allow: POST, OPTIONS\r\n"));
  EXPECT_THAT(app.get("/p"), EndsWith("not so"));
  EXPECT_THAT(app.get("/gone"), EndsWith("410 Gone: long ago\n"));
  EXPECT_THAT(app.get("/throws"), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(app.count(Count::HandlerFailures), 2u);
}

TEST(Application, SendsNoFieldThatBreaksOutOfItsLine) {
  AppHarness app([](App& routes) {
    routes.get("/h", [](Request& request, Response& response) {
      response.header(request.query("n").value_or(""), request.query("v").value_or("")).text("ok");
    });
    routes.get("/type", [](Request&, Response& response) { response.content("a\r\nb: c", "x"); });
    routes.get("/status", [](Request&, Response& response) { response.status(299).text("x"); });
    routes.get("/away", [](Request& request, Response& response) {
      response.redirect(request.query("to").value_or("/"));
    });
  });
  EXPECT_THAT(app.get("/h?n=X-A&v=b"), HasSubstr("X-A: b\r\n"));
  for (const char* query : {"n=X-A&v=b%0d%0aX: y", "n=X%20A&v=b", "n=&v=b", "n=content-length&v=0",
                            "n=Transfer-Encoding&v=chunked", "n=connection&v=close"}) {
    std::string path = "/h?" + text(query);
    path.replace(std::min(path.find(": "), path.size()), path.find(": ") == path.npos ? 0 : 2, ":");
    EXPECT_THAT(app.get(path), StartsWith("HTTP/1.1 500 ")) << query;
  }
  EXPECT_THAT(app.get("/type"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(app.get("/status"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(app.get("/away?to=/b"), StartsWith("HTTP/1.1 303 "));
  EXPECT_THAT(app.get("/away?to=/b"), HasSubstr("Location: /b\r\n"));
  EXPECT_THAT(app.get("/away?to=/b%0aX:1"), StartsWith("HTTP/1.1 500 "));
}

TEST(Application, SetsCookies) {
  AppHarness app([](App& routes) {
    routes.get("/c", [](Request&, Response& response) {
      response.cookie({.name = "a", .value = "1"})
          .cookie({.name = "b",
                   .value = "2",
                   .max_age = std::chrono::seconds(0),
                   .secure = false,
                   .http_only = false,
                   .same_site = app::SameSite::Strict});
    });
    routes.get("/bad", [](Request&, Response& response) {
      response.cookie({.name = "a", .value = "1; Domain=evil"});
    });
  });
  const std::string answer = app.get("/c");
  EXPECT_THAT(answer, HasSubstr("Set-Cookie: a=1; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"));
  EXPECT_THAT(answer, HasSubstr("Set-Cookie: b=2; Path=/; Max-Age=0; SameSite=Strict\r\n"));
  EXPECT_THAT(app.get("/bad"), StartsWith("HTTP/1.1 500 "));
}

TEST(Application, TakesBodies) {
  AppHarness app([](App& routes) {
    routes.post("/text", [](Request& request, Response& response) {
      response.text(text(request.body()) + "|" + text(request.param("x")) + "|" +
                    text(request.query("q").value_or("")) + "|" +
                    text(request.header("host").value_or("")));
    });
    routes.post("/form", [](Request& request, Response& response) {
      response.text(text(request.form("a").value_or("none")));
    });
    routes.post("/json", [](Request& request, Response& response) {
      response.json(nlohmann::json{{"sum", request.json().at("a").get<int>() + 1}});
    });
    routes.post("/small", [](Request&, Response& response) { response.text("fits"); },
                {.max_body = 4});
  });
  EXPECT_EQ(content_of(app.send("POST", "/text?q=1", "", "hello")), "hello||1|h");
  EXPECT_EQ(content_of(app.send("POST", "/text")), "|||h");
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  EXPECT_EQ(content_of(app.send("POST", "/form", form, "b=1&a=%41+b")), "A b");
  EXPECT_THAT(app.send("POST", "/form", "", "a=1"), StartsWith("HTTP/1.1 415 "));
  EXPECT_EQ(content_of(app.send("POST", "/json", "", "{\"a\": 41}")), "{\"sum\":42}");
  EXPECT_THAT(app.send("POST", "/json", "", "{\"a\": 41"), StartsWith("HTTP/1.1 400 "));
  const std::string deep(100'000, '[');
  EXPECT_THAT(app.send("POST", "/json", "", deep), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(content_of(app.send("POST", "/small", "", "1234")), "fits");
  EXPECT_THAT(app.send("POST", "/small", "", "12345"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(app.send("POST", "/small", "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

constexpr std::string_view kMultipart = "Content-Type: multipart/form-data; boundary=XX\r\n";

TEST(Application, TakesUploads) {
  AppHarness app([](App& routes) {
    routes.post("/up", [](Request& request, Response& response) {
      std::string said = text(request.form("who").value_or("nobody"));
      for (const app::Upload* file : request.files()) {
        said += "|" + text(file->name()) + ":" + text(file->filename()) + ":" +
                text(file->content_type()) + ":" + std::to_string(file->size()) + ":" +
                text(file->content().substr(0, 5));
      }
      response.text(said);
    });
  });
  const std::string big(UploadedFile::kMostInMemory + 1000, 'z');
  const std::string body =
      "--XX\r\nContent-Disposition: form-data; name=\"who\"\r\n\r\nme\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n"
      "Content-Type: text/plain\r\n\r\nshort\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"g\"; filename=\"b\"\r\n\r\n" +
      big + "\r\n--XX--\r\n";
  EXPECT_EQ(content_of(app.send("POST", "/up", kMultipart, body)),
            "me|f:a.txt:text/plain:5:short|g:b::" + std::to_string(big.size()) + ":zzzzz");
  EXPECT_THAT(app.send("POST", "/up", kMultipart, "--XX\r\nno\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(app.send("POST", "/up", "Content-Type: multipart/form-data\r\n", "--XX--\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST(Application, AnswersLater) {
  std::shared_ptr<Response> kept;
  AppHarness app([&kept](App& routes) {
    routes.get("/later", [&kept](Request&, Response& response) { kept = response.keep(); });
    routes.after([](Request&, Response& response) { response.header("X-After", "1"); });
  });
  worker::Client client = app.engine.connect();
  EXPECT_EQ(app.engine.exchange(client, AppHarness::message("GET", "/later")), "");
  EXPECT_TRUE(kept->is_open());
  kept->text("now");
  kept->send();
  EXPECT_THROW(kept->send(), std::logic_error);
  app.engine.run();
  const std::string answer = client.read();
  EXPECT_THAT(answer, EndsWith("now"));
  EXPECT_THAT(answer, HasSubstr("X-After: 1\r\n"));
  EXPECT_FALSE(kept->is_open());
}

TEST(Application, AnswersWhatIsForgotten) {
  AppHarness app([](App& routes) {
    routes.get("/forgotten", [](Request&, Response& response) { response.keep(); });
  });
  EXPECT_THAT(app.get("/forgotten"), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(app.count(Count::HandlerFailures), 1u);
}

TEST(Application, NoticesThatAClientHasGone) {
  std::shared_ptr<Response> kept;
  AppHarness app([&kept](App& routes) {
    routes.get("/later", [&kept](Request&, Response& response) { kept = response.keep(); });
  });
  {
    worker::Client client = app.engine.connect();
    app.engine.exchange(client, AppHarness::message("GET", "/later"));
    client.close();
  }
  app.engine.run();
  EXPECT_FALSE(kept->is_open());
  kept->text("for nobody");
  kept->send();
  app.engine.run();
  kept.reset();
}

TEST(Application, HasTimers) {
  int ticks = 0;
  int once = 0;
  std::shared_ptr<app::Timer> timer;
  AppHarness app([&](App& routes) {
    timer = routes.every(std::chrono::milliseconds(100), [&] {
      if (++ticks == 3) timer->cancel();
    });
    routes.after(std::chrono::milliseconds(250), [&] { ++once; });
  });
  for (int ms = 0; ms <= 1000; ms += 50) app.engine.advance(std::chrono::milliseconds(ms));
  EXPECT_EQ(ticks, 3);
  EXPECT_EQ(once, 1);
}

TEST(Application, HearsItsRooms) {
  std::vector<std::string> heard;
  App* inside = nullptr;
  AppHarness app([&](App& routes) {
    inside = &routes;
    routes.listen("chat", [&](const app::Message& message) {
      heard.push_back(text(message.room) + ":" + text(message.payload));
    });
    routes.post("/say",
                [&routes](Request& request, Response&) { routes.publish("chat", request.body()); });
  });
  app.send("POST", "/say", "", "hello");
  inside->publish("other", "nobody");
  EXPECT_THAT(heard, testing::ElementsAre("chat:hello"));
  EXPECT_THROW(inside->publish("", "x"), std::invalid_argument);
  EXPECT_THROW(inside->publish("chat", "\xff"), std::invalid_argument);
  inside->publish("chat", "\xff", app::Kind::Binary);
  EXPECT_EQ(heard.size(), 2u);
}

}  // namespace
}  // namespace sockherd::module
