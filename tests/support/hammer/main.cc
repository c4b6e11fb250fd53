// sockherd-hammer: HTTP load that counts every outcome. Wiring only; see engine.h.
#include <cstdio>
#include <utility>

#include "tests/support/hammer/engine.h"
#include "tests/support/hammer/options.h"

namespace {

constexpr int kUsage = 2;

int run(int argc, const char* const* argv) {
  using sockherd::hammer::Engine;
  auto options = sockherd::hammer::parse_options(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "sockherd-hammer: %s\n", options.error().what.c_str());
    return kUsage;
  }
  if (options->help) return std::fputs(sockherd::hammer::usage(), stdout) < 0 ? 1 : 0;
  auto engine = Engine::create(std::move(options).value());
  if (!engine.ok()) {
    std::fprintf(stderr, "sockherd-hammer: %s\n", engine.error().what.c_str());
    return 1;
  }
  return std::puts(engine->run().c_str()) < 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv);
}
