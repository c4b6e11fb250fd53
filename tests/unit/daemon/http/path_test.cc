#include "daemon/http/path.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sockherd::http {
namespace {

// The plain path, or the fault in words. The buffer has exactly the promised room.
std::string plain(std::string_view encoded) {
  std::vector<char> buffer(encoded.size());
  const PlainPath result = plain_path(encoded, buffer);
  if (result.fault != PathFault::None) return describe(result.fault);
  return std::string(result.path);
}

TEST(Path, DecodesEscapesAndRemovesDotSegments) {
  const struct {
    std::string_view encoded;
    std::string_view path;
  } cases[] = {
      {"/", "/"},
      {"/a", "/a"},
      {"/a/", "/a/"},
      {"/a/b.html", "/a/b.html"},
      {"/%61%2E%7e%20", "/a.~ "},
      {"/%C3%a4", "/\xc3\xa4"},
      {"/%ff", "/\xff"},
      {"/a%3Fb%23c%25d", "/a?b#c%d"},
      {"/%2500", "/%00"},
      {"/%252e%252e/", "/%2e%2e/"},
      // Dot segments, RFC 3986 section 5.2.4.
      {"/.", "/"},
      {"/./", "/"},
      {"/./a", "/a"},
      {"/a/.", "/a/"},
      {"/a/./b", "/a/b"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/../b", "/b"},
      {"/a/b/../../c/.", "/c/"},
      {"/a/b/..", "/a/"},
      {"/a/b/c/./../../g", "/a/g"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/%2e/b", "/b"},
      // No dot segments.
      {"/...", "/..."},
      {"/.a", "/.a"},
      {"/a.", "/a."},
      {"/..a/a..", "/..a/a.."},
      // Empty segments are none.
      {"//", "/"},
      {"//a//b//", "/a/b/"},
      {"///etc/passwd", "/etc/passwd"},
      {"/a//../b", "/b"},
  };
  for (const auto& row : cases) EXPECT_EQ(plain(row.encoded), row.path) << row.encoded;
}

TEST(Path, RefusesWhatIsNoHonestPath) {
  const struct {
    std::string_view encoded;
    PathFault fault;
  } cases[] = {
      {"", PathFault::NotAbsolute},
      {"a", PathFault::NotAbsolute},
      {"*", PathFault::NotAbsolute},
      {"%2Fa", PathFault::NotAbsolute},
      {"/%", PathFault::BadEscape},
      {"/%2", PathFault::BadEscape},
      {"/%2g", PathFault::BadEscape},
      {"/%g2", PathFault::BadEscape},
      {"/%%20", PathFault::BadEscape},
      {"/%u0041", PathFault::BadEscape},
      {"/% 1", PathFault::BadEscape},
      {"/a%00.html", PathFault::EncodedNul},
      {"/a%2Fb/../c", PathFault::EncodedSlash},
      {"/a/./b%2fc", PathFault::EncodedSlash},
      {"/public%2f..%2fprivate", PathFault::EncodedSlash},
      {"/a%2f%2e%2E%2fb", PathFault::EncodedSlash},
      {"/..%2f..%2fetc", PathFault::AboveRoot},
      {"/a\\b", PathFault::Backslash},
      {"/..%5c..%5Cetc", PathFault::Backslash},
      {"/a%0d%0aSet-Cookie:b", PathFault::Control},
      {"/a%7F", PathFault::Control},
      {"/..", PathFault::AboveRoot},
      {"/../", PathFault::AboveRoot},
      {"/../etc/passwd", PathFault::AboveRoot},
      {"/a/../../b", PathFault::AboveRoot},
      {"/%2e%2e/b", PathFault::AboveRoot},
      {"/a/../.%2E", PathFault::AboveRoot},
      {"//..", PathFault::AboveRoot},
      {"/./..", PathFault::AboveRoot},
  };
  for (const auto& row : cases) EXPECT_EQ(plain(row.encoded), describe(row.fault)) << row.encoded;
}

TEST(Path, TellsOfAnEscapedSlashWhichSeparates) {
  for (const auto& [encoded, path] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"/a%2Fb", "/a/b"}, {"/a%2f", "/a/"}, {"/%2F%2fa%2F/b", "/a/b"}}) {
    std::vector<char> buffer(encoded.size());
    const PlainPath result = plain_path(encoded, buffer);
    EXPECT_EQ(result.path, path);
    EXPECT_TRUE(result.has_escaped_slash) << encoded;
  }
  char buffer[8];
  EXPECT_FALSE(plain_path("/a/b", buffer).has_escaped_slash);
  EXPECT_FALSE(plain_path("/a/.b/c.", buffer).had_dots);
  EXPECT_TRUE(plain_path("/a/%2e", buffer).had_dots);
  EXPECT_FALSE(plain_path("/%252F", buffer).has_escaped_slash);
}

TEST(Path, WantsRoomForTheEncodedPath) {
  char buffer[4];
  EXPECT_EQ(plain_path("/%61b", buffer).fault, PathFault::NoRoom);
  EXPECT_EQ(plain_path("/%61", buffer).path, "/a");
}

}  // namespace
}  // namespace sockherd::http
