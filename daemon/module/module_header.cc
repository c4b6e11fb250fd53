#include "daemon/module/module_header.h"

#include <cstring>
#include <string>
#include <string_view>

namespace sockherd::module {
namespace {

constexpr std::string_view kMagic = "sockherd";
constexpr std::string_view kRemedy = "; compile it with <sockherd/app.h> of sockherd ";
// What stands in front of everything that may change.
constexpr size_t kFixedBytes = 16;

// Of a field that holds a text; what is not printable becomes "?".
template <size_t N>
std::string text_of(const char (&field)[N]) {
  std::string text(field, ::strnlen(field, N));
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

Error mismatch(const std::string& what) {
  return {0, what + std::string(kRemedy) + SOCKHERD_APP_VERSION};
}

}  // namespace

Result<app::ModuleHeader> read_header(std::span<const std::byte> bytes) {
  app::ModuleHeader header{};
  if (bytes.size() < kFixedBytes || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return mismatch("its symbol sockherd_module is not what SOCKHERD_APP() makes");
  }
  std::memcpy(&header, bytes.data(), kFixedBytes);
  if (header.abi_version != app::kAbiVersion) {
    return mismatch("it has version " + std::to_string(header.abi_version) +
                    " of the interface, and this worker version " +
                    std::to_string(app::kAbiVersion));
  }
  if (header.size != sizeof header || bytes.size() < sizeof header) {
    return mismatch("its header has " + std::to_string(header.size) + " bytes, of which " +
                    std::to_string(bytes.size()) + " are there, and this worker wants " +
                    std::to_string(sizeof header));
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::string toolchain = text_of(header.toolchain);
  if (toolchain != SOCKHERD_APP_TOOLCHAIN) {
    return mismatch("its C++ ABI is \"" + toolchain + "\", and that of this worker \"" +
                    SOCKHERD_APP_TOOLCHAIN + "\" (built for sockherd " + text_of(header.version) +
                    ")");
  }
  if (header.setup == nullptr) return mismatch("it has no function to call");
  return header;
}

}  // namespace sockherd::module
