// The input is a head that a proxy has got: its first byte says from whom, and how it forwards.
// Whatever our parser takes, it takes again when it was forwarded: with the same meaning, with
// nothing in it that belongs to one connection, and with every other field as it came.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/forward.h"

namespace {

using namespace sockherd::http;

// Names that may come in one form and leave in another, or not at all: the others are content.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"host",
                                               "connection",
                                               "keep-alive",
                                               "proxy-connection",
                                               "te",
                                               "trailer",
                                               "transfer-encoding",
                                               "upgrade",
                                               "content-length",
                                               "expect",
                                               "proxy",
                                               "http2-settings",
                                               "max-forwards",
                                               "via",
                                               "forwarded",
                                               "x-request-id",
                                               "x-real-ip",
                                               "proxy-authorization",
                                               "proxy-authenticate",
                                               "date"};
  std::string folded(name);
  for (char& c : folded) c = c == '_' ? '-' : to_lower(c);
  return folded.starts_with("x-forwarded-") ||
         std::find(std::begin(kOurs), std::end(kOurs), folded) != std::end(kOurs);
}

bool is_nominated(std::span<const Field> fields, std::string_view name) {
  for (const Field& field : fields) {
    if (!equals_ignore_case(field.name, "connection")) continue;
    std::string_view list = field.value;
    for (size_t comma = 0; comma != list.npos;) {
      comma = list.find(',');
      if (equals_ignore_case(trim_blanks(list.substr(0, comma)), name)) return true;
      if (comma != list.npos) list.remove_prefix(comma + 1);
    }
  }
  return false;
}

// The fields that go through unseen, in their order.
std::vector<Field> content_fields(std::span<const Field> fields,
                                  std::span<const Field> nominating) {
  std::vector<Field> content;
  for (const Field& field : fields) {
    if (!is_ours(field.name) && !is_nominated(nominating, field.name)) content.push_back(field);
  }
  return content;
}

void check_content_fields(std::span<const Field> came, std::span<const Field> left) {
  const std::vector<Field> before = content_fields(came, came);
  const std::vector<Field> after = content_fields(left, {});
  SH_ASSERT(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    SH_ASSERT(before[i].name == after[i].name && before[i].value == after[i].value);
  }
}

size_t count(std::span<const Field> fields, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [name](const Field& field) { return equals_ignore_case(field.name, name); }));
}

// Exactly as much room as is asked for.
template <typename Write>
std::string in_exact_room(Write write) {
  const size_t wanted = write(std::span<char>());
  const std::unique_ptr<char[]> room(new char[wanted]);
  const size_t bytes = write(std::span<char>(room.get(), wanted));
  SH_ASSERT(bytes <= wanted);
  return {room.get(), bytes};
}

void check_request_meaning(const RequestHead& came, const RequestHead& left,
                           const ForwardTerms& terms) {
  SH_ASSERT(left.method_text == came.method_text);
  SH_ASSERT(left.path == came.path && left.query == came.query);
  SH_ASSERT(left.form == TargetForm::Origin || left.form == TargetForm::Asterisk);
  SH_ASSERT(left.host == (terms.host.empty() ? came.host : terms.host));
  SH_ASSERT(left.minor_version == 1);
  SH_ASSERT(left.body == came.body && left.content_length == came.content_length);
  SH_ASSERT(left.keep_alive && !left.expect_continue);
  SH_ASSERT(left.upgrade == is_tunnel(came));
  const auto fields = left.fields();
  for (const std::string_view name : {"keep-alive", "proxy-connection", "expect", "proxy",
                                      "http2-settings", "proxy-authorization"}) {
    SH_ASSERT(count(fields, name) == 0);
  }
  SH_ASSERT(count(fields, "host") == 1);
  SH_ASSERT(count(fields, "via") == count(came.fields(), "via") + 1);
  if (terms.forwarding == Forwarding::Off) return;
  SH_ASSERT(count(fields, "x-request-id") == 1);
  SH_ASSERT(count(fields, "x-forwarded-for") + count(fields, "forwarded") >= 1);
  SH_ASSERT(count(fields, "x-forwarded-for") <= 1 && count(fields, "forwarded") <= 1);
}

void check_request(std::string_view bytes, uint8_t choice) {
  const auto head = std::make_unique<RequestHead>();
  size_t scanned = 0;
  if (parse_request_head(bytes, {}, *head, scanned).state != ParseState::Complete) return;
  const ForwardTerms terms{.forwarding = static_cast<Forwarding>(choice % 3),
                           .host = (choice & 8U) != 0 ? "inside:81" : ""};
  const ForwardClient client{.address = (choice & 16U) != 0 ? "2001:db8::1" : "192.0.2.7",
                             .port = (choice & 32U) != 0 ? "8080" : ""};
  bool refused = false;
  const std::string text = in_exact_room([&](std::span<char> room) {
    const ForwardedHead written =
        write_upstream_head(*head, terms, client, {.high = 1, .low = UINT64_MAX}, room);
    using enum ForwardedHead::Outcome;
    refused = written.outcome == Refused || written.outcome == LastHop;
    SH_ASSERT(refused || room.empty() == (written.outcome == NoRoom));
    return written.bytes;
  });
  if (refused) return;
  const auto again = std::make_unique<RequestHead>();
  scanned = 0;
  const ParseResult result = parse_request_head(
      text, {.max_bytes = text.size(), .max_fields = RequestHead::kMaxFields}, *again, scanned);
  SH_ASSERT(result.state == ParseState::Complete && result.consumed == text.size());
  check_request_meaning(*head, *again, terms);
  check_content_fields(head->fields(), again->fields());
}

void check_response_meaning(const ReceivedHead& came, const ReceivedHead& left,
                            const ClientHead& client) {
  SH_ASSERT(left.status == came.status);
  SH_ASSERT(left.reason_phrase == came.reason_phrase);
  const auto fields = left.fields();
  for (const std::string_view name : {"keep-alive", "proxy-connection", "proxy-authenticate"}) {
    SH_ASSERT(count(fields, name) == 0);
  }
  if (came.is_interim()) return;
  SH_ASSERT(left.keep_alive == (client.connection != ConnectionOption::Close &&
                                left.framing != Framing::UntilClose && left.status != 101));
  SH_ASSERT(count(fields, "date") >= 1);
  switch (client.framing.body) {
    case BodyKind::Length:
      SH_ASSERT(left.has_content_length && left.content_length == client.framing.content_length);
      SH_ASSERT(left.framing == Framing::Length || left.framing == Framing::None);
      break;
    case BodyKind::Chunked:
      SH_ASSERT(left.framing == Framing::Chunked);
      break;
    case BodyKind::None:
      SH_ASSERT(!left.has_content_length);
      SH_ASSERT(left.framing == (client.framing.until_close ? Framing::UntilClose : Framing::None));
      break;
  }
}

void check_response(std::string_view bytes, uint8_t choice) {
  const AskedFor asked{.method = (choice & 1U) != 0 ? Method::Head : Method::Get,
                       .upgrade = (choice & 2U) != 0};
  const uint8_t minor_version = (choice & 64U) != 0 ? 0 : 1;
  const auto head = std::make_unique<ReceivedHead>();
  size_t scanned = 0;
  if (parse_response_head(bytes, {}, asked, *head, scanned).state != ParseState::Complete) return;
  ClientHead client{.framing = frame_for_client(*head, asked.method, minor_version),
                    .date = "Sun, 06 Nov 1994 08:49:37 GMT"};
  if (head->status == 101) {
    client.connection = ConnectionOption::Upgrade;
  } else if (client.framing.until_close || (choice & 8U) != 0) {
    client.connection = ConnectionOption::Close;
  }
  const std::string text = in_exact_room([&](std::span<char> room) {
    const HeadWritten written = write_client_head(*head, client, room);
    SH_ASSERT(room.empty() == (written.outcome == WriteOutcome::NoRoom));
    return written.bytes;
  });
  const auto again = std::make_unique<ReceivedHead>();
  scanned = 0;
  const ParseResult result =
      parse_response_head(text, {.max_bytes = text.size()}, asked, *again, scanned);
  if (head->field_count > 120 && result.state == ParseState::Refused) return;  // too many now
  SH_ASSERT(result.state == ParseState::Complete && result.consumed == text.size());
  check_response_meaning(*head, *again, client);
  check_content_fields(head->fields(), again->fields());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 128U) != 0) {
    check_response(bytes, data[0]);
  } else {
    check_request(bytes, data[0]);
  }
  return 0;
}
