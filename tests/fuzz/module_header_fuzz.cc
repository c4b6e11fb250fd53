// The input is what a file has where the header of a module should be. Whatever it is, it is taken
// for one only when it is one, and the reason is one printable line.
#include <cstdint>
#include <cstring>
#include <span>

#include "daemon/base/assert.h"
#include "daemon/module/module_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sockherd;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const Result<app::ModuleHeader> header = module::read_header(bytes);
  if (header.ok()) {
    SH_ASSERT(size >= sizeof(app::ModuleHeader));
    SH_ASSERT(std::memcmp(data, "sockherd", 8) == 0 &&
              header.value().abi_version == app::kAbiVersion);
    return 0;
  }
  for (const char c : header.error().what) SH_ASSERT(c >= 0x20 && c <= 0x7e);
  return 0;
}
