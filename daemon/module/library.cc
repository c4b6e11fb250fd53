#include "daemon/module/library.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>

#include <span>
#include <utility>

#include "daemon/module/module_header.h"

namespace sockherd::module {
namespace {

// What dlopen(3) says, without the path in front that stands there already.
std::string loader_fault(const std::string& path) {
  const char* text = ::dlerror();
  std::string fault = text == nullptr ? "unknown fault" : text;
  if (fault.starts_with(path + ": ")) fault.erase(0, path.size() + 2);
  return fault;
}

// The bytes of a symbol, as many as the file says that it has.
std::span<const std::byte> bytes_of(void* symbol) {
  Dl_info info{};
  void* entry = nullptr;
  if (::dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr) return {};
  const auto* table_entry = static_cast<const ElfW(Sym)*>(entry);
  return {static_cast<const std::byte*>(symbol), table_entry->st_size};
}

}  // namespace

Result<app::ModuleHeader> load_module(const std::string& path) {
  const auto fault = [&path](const std::string& what) {
    return Error{0, "module " + path + ": " + what};
  };
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fault(errno_error("open").what);
  if (!S_ISREG(status.st_mode)) return fault("it is no file, but a module is a shared object");
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fault("it cannot be loaded: " + loader_fault(path) +
                 "; a module is a shared object (-shared -fPIC) whose libraries are all there");
  }
  void* symbol = ::dlsym(library, "sockherd_module");
  if (symbol == nullptr) {
    return fault("it exports no symbol sockherd_module; write SOCKHERD_APP(app) { ... } in it");
  }
  Result<app::ModuleHeader> header = read_header(bytes_of(symbol));
  if (!header.ok()) return fault(header.error().what);
  return header;
}

}  // namespace sockherd::module
