#include "daemon/http/media_type.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

struct MediaType {
  std::string_view extension;
  std::string_view type;
};

constexpr MediaType kMediaTypes[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"br", "application/x-brotli"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/matroska"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"rpm", "application/x-rpm"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "text/xml; charset=utf-8"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

constexpr bool comes_before(const MediaType& a, const MediaType& b) {
  return a.extension < b.extension;
}

constexpr size_t longest_extension() {
  size_t longest = 0;
  for (const MediaType& row : kMediaTypes) longest = std::max(longest, row.extension.size());
  return longest;
}

// Strictly: neither unsorted nor twice the same.
constexpr bool is_sorted() {
  for (size_t i = 1; i < std::size(kMediaTypes); ++i) {
    if (!comes_before(kMediaTypes[i - 1], kMediaTypes[i])) return false;
  }
  return true;
}
static_assert(is_sorted(), "media types must be sorted by extension");

std::string_view extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  return name.substr(dot + 1);
}

}  // namespace

std::string_view media_type(std::string_view path) {
  constexpr std::string_view kUnknown = "application/octet-stream";
  const std::string_view extension = extension_of(path);
  std::array<char, longest_extension()> lower{};
  if (extension.size() > lower.size()) return kUnknown;
  std::transform(extension.begin(), extension.end(), lower.begin(), to_lower);
  const MediaType wanted{.extension = {lower.data(), extension.size()}, .type = {}};
  const auto* row =
      std::lower_bound(std::begin(kMediaTypes), std::end(kMediaTypes), wanted, comes_before);
  const bool found = row != std::end(kMediaTypes) && row->extension == wanted.extension;
  return found ? row->type : kUnknown;
}

bool is_compressible(std::string_view type) {
  constexpr std::string_view kBegins[] = {"text/", "model/", "font/otf", "font/ttf"};
  constexpr std::string_view kEnds[] = {"json",    "+xml", "/wasm", "/yaml", "/rtf",
                                        "mpegurl", "icon", "/bmp",  "x-tar", "ms-fontobject"};
  return std::any_of(std::begin(kBegins), std::end(kBegins),
                     [type](std::string_view begin) { return type.starts_with(begin); }) ||
         std::any_of(std::begin(kEnds), std::end(kEnds),
                     [type](std::string_view end) { return type.ends_with(end); });
}

}  // namespace sockherd::http
