// What a module and the worker that loads it must agree on, checked before anything of the module
// is called. Included by <sockherd/app.h>.
//
// A module is a shared object that exports one symbol, `sockherd_module`, which is data. Classes of
// the C++ library and exceptions cross the border, so both sides have to have the same C++ ABI; all
// calls into the worker are virtual calls, so a module needs no symbol of it.
#pragma once

#include <sockherd/version.h>

#include <cstddef>
#include <cstdint>
#include <string>

#if !defined(__GLIBCXX__)
#error "modules of sockherd need libstdc++ (GCC, or Clang with -stdlib=libstdc++)"
#endif

#define SOCKHERD_APP_TEXT_OF(x) #x
#define SOCKHERD_APP_TEXT(x) SOCKHERD_APP_TEXT_OF(x)
#if defined(_GLIBCXX_DEBUG)
#define SOCKHERD_APP_CONTAINERS "-debug"
#else
#define SOCKHERD_APP_CONTAINERS ""
#endif
// Compilers may differ, as long as these do not.
#define SOCKHERD_APP_TOOLCHAIN                                                               \
  "itanium-cxx11abi" SOCKHERD_APP_TEXT(_GLIBCXX_USE_CXX11_ABI) "-pointer" SOCKHERD_APP_TEXT( \
      __SIZEOF_POINTER__) SOCKHERD_APP_CONTAINERS

namespace sockherd::app {

class App;

// Goes up whenever an interface of this folder changes.
inline constexpr uint32_t kAbiVersion = 1;

struct ModuleHeader {
  char magic[8];
  uint32_t abi_version;
  uint32_t size;  // of this structure
  char toolchain[64];
  char version[32];  // of the sockherd that it was compiled with; for people
  void (*setup)(App& app);
};

}  // namespace sockherd::app

// SOCKHERD_APP(app) { app.get("/", ...); }: the body is called once in each thread of each worker.
#define SOCKHERD_APP(name)                                                                         \
  static void sockherd_module_setup(::sockherd::app::App& name);                                   \
  extern "C" __attribute__((visibility("default"), used))                                          \
  const ::sockherd::app::ModuleHeader sockherd_module = {{'s', 'o', 'c', 'k', 'h', 'e', 'r', 'd'}, \
                                                         ::sockherd::app::kAbiVersion,             \
                                                         sizeof(::sockherd::app::ModuleHeader),    \
                                                         SOCKHERD_APP_TOOLCHAIN,                   \
                                                         SOCKHERD_APP_VERSION,                     \
                                                         &sockherd_module_setup};                  \
  static void sockherd_module_setup([[maybe_unused]] ::sockherd::app::App& name)
