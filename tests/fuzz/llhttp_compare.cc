// The parser against llhttp, on requests that have a few faults each.
//
// Arguments: how many requests, and a folder whose files are seeds.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/http/body.h"
#include "daemon/http/characters.h"
#include "daemon/http/request.h"
#include "tests/fuzz/comparison.h"
#include "tests/fuzz/llhttp_oracle.h"

namespace {

namespace http = sockherd::http;

// We refuse, by our reason; llhttp takes it, or waits for more of it.
constexpr Entry kWeRefuse[] = {
    {"\"*\" without OPTIONS", "llhttp does not judge the target; 9112 3.2.4"},
    {"CONNECT needs host:port", "the same; 9112 3.2.3"},
    {"bad request target", "the same; 9112 3.2"},
    {"bad byte in the request target", "llhttp takes HTTP/0.9, without a version; 9112 2.3"},
    {"empty request target", "llhttp takes several blanks between the words; 9112 3"},
    {"bad HTTP version", "the same"},
    {"bad method", "llhttp skips all line ends before the request, bare LF, too; 9112 2.2"},
    {"bare CR", "llhttp skips a CR before the request; 9112 2.2"},
    {"bare LF", "llhttp takes it for a line end; 9112 2.2"},
    {"only HTTP/1.0 and HTTP/1.1 are spoken here", "llhttp knows 2.0 and 0.9; 9110 15.6.6"},
    {"bad byte in a field name", "llhttp takes an empty name, and an LF as an empty line; 9112 5"},
    {"line begins with a blank (obs-fold)", "llhttp unfolds; 9112 5.2"},
    {"too many fields", "llhttp leaves limits to its caller"},
    {"no Host", "llhttp does not look at Host; 9112 3.2"},
    {"repeated Host", "the same"},
    {"bad Host", "the same"},
    {"expectation other than 100-continue", "llhttp does not look at Expect; 9110 10.1.1"},
    {"CONNECT with content", "llhttp takes what follows for the tunnel; 9110 9.3.6"},
    {"Content-Length and Transfer-Encoding",
     "llhttp overlooks an empty Transfer-Encoding; 9112 6.1"},
    {"Transfer-Encoding in HTTP/1.0", "llhttp takes it; 9112 6.1"},
    {"repeated Transfer-Encoding", "llhttp takes the last; 9112 11.2"},
    {"bad Transfer-Encoding", "llhttp looks at the end of the value only; 9112 7"},
    {"transfer coding other than chunked", "llhttp leaves the coding to its caller; 9112 6.1"},
    {"last transfer coding is not chunked", "llhttp takes it in an upgrade; 9112 6.3"},
    {"bad chunk extension", "llhttp does not read their grammar; 9112 7.1.1"},
    {"chunk size too long", "llhttp bounds the number, not its zeros; 9112 7.1"},
    {"content too large", "llhttp leaves limits to its caller"},
    {"bad trailer name", "llhttp takes bare LF for an empty line; 9112 2.2"},
};

// llhttp refuses, by its reason; we take it, or wait for more of it.
constexpr Entry kItRefuses[] = {
    {"Invalid method encountered", "llhttp has a list of methods; 9110 9.1"},
    {"Expected space after method", "the same"},
    {"Invalid HTTP version", "llhttp knows no minor versions above 1; 9110 2.5"},
    {"Invalid character in chunk extensions name", "no bad whitespace there; 9112 7.1.1"},
    {"Invalid character in Content-Length", "llhttp minds it in trailers, too; 9110 6.5.1"},
    {"Content-Length overflow", "the same"},
    {"Empty Content-Length", "the same"},
    {"Duplicate Content-Length", "the same"},
    {"Invalid character in chunk extensions", "no bad whitespace there; 9112 7.1.1"},
    {"Invalid character in chunk extensions value", "the same"},
    {"Invalid character in chunk size", "one extension with a value only; 9112 7.1.1"},
    {"Request has invalid `Transfer-Encoding`", "a tab behind it is a blank; 9112 5"},
};

Message parse_by_us(std::string_view bytes) {
  Message message;
  const auto head = std::make_unique<http::RequestHead>();
  size_t scanned = 0;
  const http::ParseResult result = http::parse_request_head(bytes, {}, *head, scanned);
  if (result.state == http::ParseState::Incomplete) return message;
  if (result.state == http::ParseState::Refused) {
    return {.verdict = Verdict::Refused, .reason = result.reason};
  }
  message.method = head->method_text;
  message.target = head->target;
  message.minor_version = head->minor_version;
  message.keep_alive = head->keep_alive;
  for (const http::Field& field : head->fields()) {
    message.fields.emplace_back(field.name, field.value);
  }
  http::BodyReader reader(head->body, head->content_length, UINT64_MAX);
  message.consumed = result.consumed;
  while (!reader.is_complete()) {
    const auto step = reader.read(bytes.substr(message.consumed));
    message.consumed += step.consumed;
    message.content += step.data;
    if (step.state == http::ParseState::Refused) {
      return {.verdict = Verdict::Refused, .reason = step.reason};
    }
    if (step.consumed == 0) return message;
  }
  message.verdict = Verdict::Taken;
  return message;
}

// llhttp takes Proxy-Connection, which no RFC has, for Connection, and lets keep-alive win in
// HTTP/1.0 (9112 9.3: close does). After CONNECT we keep no connection (9110 9.3.6).
bool may_differ_in_keep_alive(const Message& ours) {
  return ours.method == "CONNECT" || ours.minor_version == 0 ||
         std::any_of(ours.fields.begin(), ours.fields.end(), [](const auto& field) {
           return http::equals_ignore_case(field.first, "proxy-connection");
         });
}

}  // namespace

int main(int argc, char** argv) {
  return run_comparison(argc, argv,
                        {.ours = parse_by_us,
                         .theirs = parse_by_llhttp,
                         .we_refuse = kWeRefuse,
                         .it_refuses = kItRefuses,
                         .may_differ_in_keep_alive = may_differ_in_keep_alive});
}
