// The entity-tag of a file (RFC 9110 section 8.8.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/http/coding.h"

namespace sockherd::http {

// Weak ("W/"): bytes may differ under the same tag, as those of two compressors do.
enum class TagStrength : uint8_t { Strong, Weak };

// "inode-size-mtime" in hexadecimal, and "-gzip" or "-br" where a coding was applied: section
// 8.8.3.3 wants the tags of two codings to differ. Strong enough: two contents with the same one
// would have to be written in place, at the same length, within one tick of the file system's
// clock.
class EntityTag {
 public:
  EntityTag(uint64_t inode, uint64_t size, uint64_t mtime_ns, Coding coding = Coding::Identity,
            TagStrength strength = TagStrength::Strong);

  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 64> text_;  // three numbers of 16 digits, two dashes, two quotes, "W/", "-gzip"
  size_t size_ = 0;
};

}  // namespace sockherd::http
