#include "daemon/http/entity_tag.h"

#include <charconv>

#include "daemon/http/writer.h"

namespace sockherd::http {
namespace {

class Hexadecimal {
 public:
  explicit Hexadecimal(uint64_t number)
      : size_(static_cast<size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), number, 16).ptr -
            digits_.data())) {}
  std::string_view view() const { return {digits_.data(), size_}; }

 private:
  std::array<char, 16> digits_;
  size_t size_;
};

}  // namespace

EntityTag::EntityTag(uint64_t inode, uint64_t size, uint64_t mtime_ns, Coding coding,
                     TagStrength strength)
    : text_{} {
  Writer writer(text_.data());
  writer.add(strength == TagStrength::Weak ? "W/\"" : "\"");
  writer.add(Hexadecimal(inode).view());
  writer.add("-");
  writer.add(Hexadecimal(size).view());
  writer.add("-");
  writer.add(Hexadecimal(mtime_ns).view());
  if (coding != Coding::Identity) {
    writer.add("-");
    writer.add(coding_name(coding));
  }
  writer.add("\"");
  size_ = static_cast<size_t>(writer.at() - text_.data());
}

}  // namespace sockherd::http
