// AccessFormat: a record as one line of text, "combined" or JSON.
//
// Nothing that a client sends can end a line, begin another one or talk to a terminal: what is not
// printable ASCII is written as \xHH in combined, as nginx does, and in JSON as the escapes of RFC
// 8259; there, valid UTF-8 stays as it is, and any other byte is the text \xHH. So JSON is valid
// UTF-8, always. No descriptors; the time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/instant.h"
#include "daemon/worker/access_record.h"
#include "daemon/worker/local_time.h"

namespace sockherd::worker {

enum class AccessStyle : uint8_t { Combined, Json };
enum class Colours : uint8_t { Off, On };  // On: the status of a combined line, by its class

// The most bytes that one of ours becomes in any style: \u0000.
inline constexpr size_t kMostEscaped = 6;
inline constexpr size_t kMostLineBytes = AccessLimits::kTexts * kMostEscaped + 1024;

class AccessFormat {
 public:
  // pool, slot: of this worker, for JSON.
  AccessFormat(AccessStyle style, Colours colours, std::string_view pool, uint32_t slot);

  // Writes the line, with its line feed, to `into`, which has kMostLineBytes of room. Returns its
  // end.
  // boot: when this machine's monotonic clock was 0, since 1970.
  char* write(const AccessRecord& record, Duration boot, char* into);

 private:
  char* write_combined(const AccessRecord& record, Duration began, char* into);
  char* write_json(const AccessRecord& record, Duration began, char* into);

  AccessStyle style_;
  Colours colours_;
  std::string worker_;  // of JSON: "pool" and "slot"
  LocalTime local_;
};

// The parts of a request line METHOD SP target SP version.
struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;

  // The whole is the target where it was no valid line.
  static RequestLine split(const AccessRecord& record);
};

// "192.0.2.1", "2001:db8::1", "unix:", "-" where it is not known. Returns the end; `into` has 64
// bytes of room.
char* write_address(const ClientAddress& client, char* into);

// The client's bytes for a place between quotes; at most kMostEscaped times as many.
char* write_combined_text(std::string_view text, char* into);
char* write_json_text(std::string_view text, char* into);

}  // namespace sockherd::worker
