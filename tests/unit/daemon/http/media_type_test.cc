#include "daemon/http/media_type.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sockherd::http {
namespace {

TEST(MediaType, GoesByTheExtension) {
  const struct {
    std::string_view path;
    std::string_view type;
  } cases[] = {
      {"index.html", "text/html; charset=utf-8"},
      {"/a/b/INDEX.HTML", "text/html; charset=utf-8"},
      {"a.min.js", "text/javascript; charset=utf-8"},
      {"a.7z", "application/x-7z-compressed"},
      {"a.zst", "application/zstd"},
      {"a.tar.gz", "application/gzip"},
      {"/v1.2/a.webmanifest", "application/manifest+json"},
      {"a.woff2", "font/woff2"},
  };
  for (const auto& row : cases) EXPECT_EQ(media_type(row.path), row.type) << row.path;
}

TEST(MediaType, IsOpaqueWhereTheExtensionIsUnknown) {
  for (const std::string_view path :
       {"", "/", "a", "a.", "a.unknown", "a.averyverylongextension", ".html", "/a/.html", "a.html/",
        "a.html/b", "a.htm\xcc", "a.ht ml"}) {
    EXPECT_EQ(media_type(path), "application/octet-stream") << path;
  }
}

}  // namespace
}  // namespace sockherd::http
