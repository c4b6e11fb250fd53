// The path of a request as a plain path: escapes decoded, dot segments removed (RFC 3986 sections
// 2.1 and 5.2.4). For serving files, and for choosing the route: decide on the plain path, or
// "/public/%2e%2e/private" gets around the decision.
//
// Promised of every plain path that is returned:
//  - it begins with "/", has no "." or ".." segment, and no empty one ("//" is taken for "/", as
//    the kernel does; so what is behind the first "/" is never an absolute path);
//  - it holds no NUL, no other control and no "\"; other bytes stand as they were meant, also those
//    from 0x80 on, which are not checked to be UTF-8;
//  - it ends with "/" exactly when the encoded path did, or ended with a dot segment or "%2F".
// An escaped slash is none to one server and a separator to the next. Here it separates, so that no
// prefix that a route guards is got around by it, and it is told, since it is no file's name: who
// does not pass the encoded path on refuses it. Beside dot segments it is a fault. Who does pass it
// on refuses dot segments: another reader may find another path in them.
// Not promised: that symbolic links stay below a directory. That is openat2's RESOLVE_BENEATH.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sockherd::http {

enum class PathFault : uint8_t {
  None,
  NotAbsolute,   // does not begin with "/"
  BadEscape,     // "%" without two hexadecimal digits
  EncodedNul,    // "%00": would cut the name short behind the check
  EncodedSlash,  // "%2F" and a dot segment: where that leads, depends on who reads it
  Backslash,     // raw or "%5C": URL parsers of browsers take it for a slash
  Control,       // other control characters, which are no bytes of honest names
  AboveRoot,     // more ".." than there are segments; RFC 3986 would stay at the root
  NoRoom         // the buffer is smaller than the encoded path
};

struct PlainPath {
  PathFault fault = PathFault::None;
  std::string_view path;  // in the buffer, or the encoded one itself; empty on a fault
  bool has_escaped_slash = false;
  bool had_dots = false;  // dot segments, which are gone
};

// encoded: as RequestHead::path has it, without the query. buffer: at least as long; may not
// overlap.
PlainPath plain_path(std::string_view encoded, std::span<char> buffer);

// For log and error body, static.
const char* describe(PathFault fault);

}  // namespace sockherd::http
