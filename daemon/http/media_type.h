// The media type of a file, by the extension of its name: the one table. Text is said to be UTF-8.
#pragma once

#include <string_view>

namespace sockherd::http {

// path: a file name or a path; the extension is what follows the last dot of the last segment, in
// any case. Without one, or with one that is not in the table: "application/octet-stream", which
// browsers save instead of guessing. A name such as ".profile" has no extension.
std::string_view media_type(std::string_view path);

// Whether content of a type of the table is worth compressing: text, and what is not compressed by
// itself.
bool is_compressible(std::string_view type);

}  // namespace sockherd::http
