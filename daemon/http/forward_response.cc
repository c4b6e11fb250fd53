#include <algorithm>

#include "daemon/http/characters.h"
#include "daemon/http/content_rule.h"
#include "daemon/http/field_runs.h"
#include "daemon/http/forward.h"
#include "daemon/http/head_writer.h"

namespace sockherd::http {
namespace {

// RFC 9110 section 15.5.22: 426 has an Upgrade field, and so must have this option (section 7.8).
constexpr std::string_view kUpgradeOption = "Connection: Upgrade\r\n";
constexpr int kUpgradeRequired = 426;

constexpr std::string_view kVersion = "HTTP/1.1 ";

bool is_named(std::span<const Field> fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(),
                     [name](const Field& field) { return equals_ignore_case(field.name, name); });
}

// Of fields with one name, those of the configuration count; Vary is a list of both.
DroppedFields dropped_fields(const ReceivedHead& head, std::span<const Field> added) {
  DroppedFields dropped = head.hop_by_hop;
  if (added.empty()) [[likely]]
    return dropped;
  for (size_t i = 0; i < head.field_count; ++i) {
    const std::string_view name = head.storage[i].name;
    if (is_named(added, name) && !equals_ignore_case(name, "vary")) drop_field(dropped, i);
  }
  return dropped;
}

void add_status_line(Writer& writer, const ReceivedHead& head) {
  writer.add(kVersion);
  char* digits = writer.take(4);
  digits[0] = static_cast<char>('0' + head.status / 100);
  digits[1] = static_cast<char>('0' + head.status / 10 % 10);
  digits[2] = static_cast<char>('0' + head.status % 10);
  digits[3] = ' ';
  writer.add(head.reason_phrase);
  writer.add(kLineEnd);
}

size_t most_bytes(const ReceivedHead& head, const ClientHead& client) {
  constexpr size_t kOwnLines = kVersion.size() + 4 + via_line(1).size() + kDate.size() +
                               kContentLength.size() + Decimal::kMost + kChunked.size() +
                               kUpgradeOption.size() + 4 * kLineEnd.size();
  return kOwnLines + head.reason_phrase.size() + head.field_lines.size() + client.date.size() +
         connection_line(client.connection).size() + size_of(client.fields);
}

void add_framing(Writer& writer, const ClientFraming& framing) {
  if (framing.body == BodyKind::Length) {
    writer.add(kContentLength);
    writer.add(framing.content_length);
    writer.add(kLineEnd);
  } else if (framing.body == BodyKind::Chunked) {
    writer.add(kChunked);
  }
}

HeadWritten write_interim(const ReceivedHead& head, std::span<char> buffer) {
  const size_t most = most_bytes(head, {});
  if (most > buffer.size()) return {.outcome = WriteOutcome::NoRoom, .bytes = most};
  Writer writer(buffer.data());
  add_status_line(writer, head);
  copy_fields(writer, head.fields(), head.field_lines, head.hop_by_hop);
  writer.add(kLineEnd);
  return {.bytes = static_cast<size_t>(writer.at() - buffer.data())};
}

}  // namespace

ClientFraming frame_for_client(const ReceivedHead& head, Method method,
                               uint8_t client_minor_version) {
  switch (head.framing) {
    case Framing::None:
      break;
    case Framing::Length:
      return {.body = BodyKind::Length, .content_length = head.content_length};
    case Framing::Chunked:
    case Framing::UntilClose:
      if (client_minor_version == 0) return {.until_close = true};
      return {.body = BodyKind::Chunked};
  }
  // RFC 9110 section 8.6: to HEAD, and in 304, the length of what is not sent.
  const bool says_length =
      content_rule(method, head.status) == ContentRule::Unsent && head.has_content_length;
  if (!says_length) return {};
  return {.body = BodyKind::Length, .content_length = head.content_length};
}

HeadWritten write_client_head(const ReceivedHead& head, const ClientHead& client,
                              std::span<char> buffer) {
  if (head.is_interim()) return write_interim(head, buffer);
  if (!are_writable(client.fields) || !is_value(client.date)) {
    return {.outcome = WriteOutcome::BadField};
  }
  const size_t most = most_bytes(head, client);
  if (most > buffer.size()) return {.outcome = WriteOutcome::NoRoom, .bytes = most};
  Writer writer(buffer.data());
  add_status_line(writer, head);
  copy_fields(writer, head.fields(), head.field_lines, dropped_fields(head, client.fields));
  // RFC 9110 section 6.6.1: who forwards a response without Date adds one.
  if (!head.has_date) writer.add_line(kDate, client.date);
  writer.add(via_line(head.minor_version));
  add_framing(writer, client.framing);
  writer.add(connection_line(client.connection));
  if (head.status == kUpgradeRequired) writer.add(kUpgradeOption);
  add_fields(writer, client.fields);
  writer.add(kLineEnd);
  return {.bytes = static_cast<size_t>(writer.at() - buffer.data())};
}

}  // namespace sockherd::http
