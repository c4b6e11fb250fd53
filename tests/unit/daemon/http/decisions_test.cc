// docs/http.md, row by row.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/body.h"
#include "daemon/http/path.h"
#include "daemon/http/request.h"
#include "daemon/http/response_head.h"

namespace sockherd::http {
namespace {

struct Row {
  std::string shape;
  std::string asked;  // of a response: the method, and "with Upgrade"; of a request: ""
  std::string bytes;
  std::string answer;
};

std::string unescape(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    const char kind = text.at(++i);
    if (kind == 'r') bytes += '\r';
    if (kind == 'n') bytes += '\n';
    if (kind == 't') bytes += '\t';
    if (kind == '0') bytes += '\0';
    if (kind != 'x') continue;
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return bytes;
}

// What stands between the first and the last backtick.
std::string code_in(std::string_view text) {
  const size_t open = text.find('`');
  if (open == std::string_view::npos) return "";
  return std::string(text.substr(open + 1, text.rfind('`') - open - 1));
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  constexpr std::string_view kBar = " | ";
  for (size_t at = 2; at < line.size();) {
    const size_t end = std::min(line.find(kBar, at), line.size() - 2);
    cells.push_back(line.substr(at, end - at));
    at = end + kBar.size();
  }
  return cells;
}

std::vector<Row> read_rows() {
  constexpr std::string_view kPlace = "…";
  std::ifstream file(SOCKHERD_SOURCE_DIR "/docs/http.md");
  std::vector<Row> rows;
  std::string form;
  std::string asked;
  constexpr std::string_view kTo = "Response to ";
  for (std::string line; std::getline(file, line);) {
    const bool is_response = line.starts_with(kTo);
    if (line.starts_with("Template: ") || is_response) {
      form = code_in(line);
      asked = is_response ? line.substr(kTo.size(), line.find(':') - kTo.size()) : "";
    }
    if (!line.starts_with("| ") || line.starts_with("| shape ")) continue;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != 4) {
      ADD_FAILURE() << "four cells are wanted: " << line;
      continue;
    }
    std::string bytes = form;
    bytes.replace(bytes.find(kPlace), kPlace.size(), code_in(cells[1]));
    rows.push_back(
        {.shape = cells[0], .asked = asked, .bytes = unescape(bytes), .answer = cells[2]});
  }
  return rows;
}

// As a connection does it: the head, the plain path, the body.
std::string answer_to(std::string_view bytes, size_t step) {
  const auto head = std::make_unique<RequestHead>();
  size_t scanned = 0;
  ParseResult result;
  size_t seen = 0;
  for (; result.state == ParseState::Incomplete; seen = std::min(seen + step, bytes.size())) {
    result = parse_request_head(bytes.substr(0, seen), {}, *head, scanned);
    if (result.state == ParseState::Incomplete && seen == bytes.size()) return "incomplete";
  }
  if (result.state == ParseState::Refused) return std::to_string(result.status);
  std::string buffer(bytes.size(), '\0');
  const bool has_path = head->form == TargetForm::Origin || head->form == TargetForm::Absolute;
  if (has_path && plain_path(head->path, buffer).fault != PathFault::None) return "400";
  BodyReader reader(head->body, head->content_length, 64);
  for (size_t at = result.consumed; !reader.is_complete();) {
    const BodyReader::Step taken = reader.read(bytes.substr(at, step));
    if (taken.state == ParseState::Refused) return std::to_string(taken.status);
    if (taken.consumed == 0) return "incomplete";
    at += taken.consumed;
  }
  return head->keep_alive ? "taken" : "taken, closed";
}

AskedFor asked_for(std::string_view text) {
  AskedFor asked;
  if (text.starts_with("HEAD")) asked.method = Method::Head;
  asked.upgrade = text.ends_with("with Upgrade");
  return asked;
}

// As a proxy does it: the head, and those of interim responses before it, then the content. What is
// behind it closes the connection.
std::string fate_of(std::string_view bytes, size_t step, std::string_view asked) {
  const auto head = std::make_unique<ReceivedHead>();
  size_t at = 0;
  do {
    size_t scanned = 0;
    ParseResult result;
    for (size_t seen = at; result.state == ParseState::Incomplete;
         seen = std::min(seen + step, bytes.size())) {
      result =
          parse_response_head(bytes.substr(at, seen - at), {}, asked_for(asked), *head, scanned);
      if (result.state == ParseState::Incomplete && seen == bytes.size()) return "incomplete";
    }
    if (result.state == ParseState::Refused) return std::to_string(result.status);
    at += result.consumed;
  } while (head->is_interim());
  BodyReader reader = body_of(*head);
  while (!reader.is_complete()) {
    const BodyReader::Step taken = reader.read(bytes.substr(at, step));
    if (taken.state == ParseState::Refused) return "502";
    if (taken.consumed == 0) break;
    at += taken.consumed;
  }
  if (!reader.is_complete() && head->framing != Framing::UntilClose) return "incomplete";
  return head->keep_alive && at == bytes.size() ? "taken" : "taken, closed";
}

TEST(Decisions, AreAsTheDocumentSays) {
  const std::vector<Row> rows = read_rows();
  EXPECT_GT(rows.size(), 180U);
  for (const Row& row : rows) {
    for (const size_t step : {row.bytes.size(), size_t{1}}) {
      const std::string answer =
          row.asked.empty() ? answer_to(row.bytes, step) : fate_of(row.bytes, step, row.asked);
      EXPECT_EQ(answer, row.answer) << row.shape << ", " << step << " bytes at a time";
    }
  }
}

}  // namespace
}  // namespace sockherd::http
