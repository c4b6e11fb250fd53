// The parser of responses against llhttp, on responses that have a few faults each.
//
// Arguments: how many responses, and a folder whose files are seeds.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/http/characters.h"
#include "daemon/http/response_head.h"
#include "tests/fuzz/comparison.h"
#include "tests/fuzz/llhttp_oracle.h"

namespace {

namespace http = sockherd::http;

constexpr Entry kWeRefuse[] = {
    {"not HTTP/1.0 or HTTP/1.1", "llhttp skips line ends before it, and knows 2.0 and 0.9; 9112 4"},
    {"bad status code", "llhttp takes one digit, or two; 9112 4"},
    {"status outside of 100 to 599", "llhttp takes any; 9110 15"},
    {"bad byte in the reason phrase", "llhttp takes any but CR and LF; 9112 4"},
    {"bare LF", "llhttp takes it for a line end; 9112 2.2"},
    {"bad byte in a field name", "llhttp takes an empty name, and an LF as an empty line; 9112 5"},
    {"line begins with a blank (obs-fold)", "llhttp unfolds; 9112 5.2"},
    {"101 without Upgrade", "llhttp does not look at it; 9110 15.2.2"},
    {"101 in HTTP/1.0", "the same"},
    {"1xx with content", "llhttp does not look at it; 9110 8.6"},
    {"Content-Length and Transfer-Encoding",
     "llhttp overlooks an empty Transfer-Encoding; 9112 6.3"},
    {"Transfer-Encoding in HTTP/1.0", "llhttp takes it; 9112 6.1"},
    {"repeated Transfer-Encoding", "llhttp takes the last; 9112 11.2"},
    {"transfer coding other than chunked",
     "llhttp leaves codings to its caller, and reads to the end; 9112 6.3"},
    {"bad chunk extension", "llhttp does not read their grammar; 9112 7.1.1"},
    {"chunk size too long", "llhttp bounds the number, not its zeros; 9112 7.1"},
    {"bare CR in a chunk size line", "llhttp does not know chunked before a tab; 9112 5"},
    {"bad trailer name", "llhttp takes bare LF for an empty line; 9112 2.2"},
};

constexpr Entry kItRefuses[] = {
    {"Invalid HTTP version", "llhttp knows no minor versions above 1; 9110 2.5"},
    {"Invalid character in chunk extensions name", "no bad whitespace there; 9112 7.1.1"},
    {"Invalid character in chunk size", "one extension with a value only; 9112 7.1.1"},
    {"Invalid character in Content-Length", "a tab behind it is a blank; 9112 5"},
};

Message parse_by_us(std::string_view bytes) {
  Message message;
  const auto head = std::make_unique<http::ReceivedHead>();
  size_t scanned = 0;
  const http::ParseResult result =
      http::parse_response_head(bytes, {}, {.upgrade = true}, *head, scanned);
  if (result.state == http::ParseState::Incomplete) return message;
  if (result.state == http::ParseState::Refused) {
    return {.verdict = Verdict::Refused, .reason = result.reason};
  }
  message.method = std::to_string(head->status);
  message.target = head->reason_phrase;
  message.minor_version = head->minor_version;
  message.keep_alive = head->keep_alive;
  for (const http::Field& field : head->fields()) {
    message.fields.emplace_back(field.name, field.value);
  }
  http::BodyReader reader = http::body_of(*head);
  message.consumed = result.consumed;
  while (!reader.is_complete()) {
    const auto step = reader.read(bytes.substr(message.consumed));
    message.consumed += step.consumed;
    message.content += step.data;
    if (step.state == http::ParseState::Refused) {
      return {.verdict = Verdict::Refused, .reason = step.reason};
    }
    if (step.consumed > 0) continue;
    if (head->framing != http::Framing::UntilClose) return message;
    break;
  }
  message.verdict = Verdict::Taken;
  return message;
}

// Of 101, llhttp leaves it to its caller; of 204, it does not look at what must not stand there. In
// HTTP/1.0, and for Proxy-Connection: as in llhttp_compare.cc.
bool may_differ_in_keep_alive(const Message& ours) {
  return ours.minor_version == 0 || ours.method == "101" || ours.method == "204" ||
         std::any_of(ours.fields.begin(), ours.fields.end(), [](const auto& field) {
           return http::equals_ignore_case(field.first, "proxy-connection");
         });
}

}  // namespace

int main(int argc, char** argv) {
  return run_comparison(argc, argv,
                        {.ours = parse_by_us,
                         .theirs = parse_response_by_llhttp,
                         .we_refuse = kWeRefuse,
                         .it_refuses = kItRefuses,
                         .may_differ_in_keep_alive = may_differ_in_keep_alive});
}
