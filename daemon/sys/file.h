// Whole files.
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace sockherd::sys {

// The content of a file. Blocks on the file system only. Errors: of open and read; EISDIR.
Result<std::string> read_file(const std::string& path);

// Puts a new file with this content in the place of `path`, whole: a reader sees the old one or the
// new one. Only our user may read it. Not synced to the disk.
Result<void> replace_file(const std::string& path, std::string_view content);

}  // namespace sockherd::sys
