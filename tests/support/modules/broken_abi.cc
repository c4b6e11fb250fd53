// A module of another version of the interface.
#include <sockherd/abi.h>

extern "C" __attribute__((visibility("default")))
const sockherd::app::ModuleHeader sockherd_module = {{'s', 'o', 'c', 'k', 'h', 'e', 'r', 'd'},
                                                     9999,
                                                     sizeof(sockherd::app::ModuleHeader),
                                                     SOCKHERD_APP_TOOLCHAIN,
                                                     "9.9.9",
                                                     nullptr};
