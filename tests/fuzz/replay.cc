// Runs a fuzz target over files: the main program where there is no libFuzzer.
//
// Arguments are files and folders. Fails when there is no file at all, so that a moved corpus does
// not pass for a good one.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

void replay(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> read{std::istreambuf_iterator<char>(stream), {}};
  // An allocation of exactly this size: a sanitizer then sees a look behind the end.
  const std::vector<uint8_t> bytes(read.begin(), read.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

int replay_all(const fs::path& path) {
  if (!fs::is_directory(path)) {
    replay(path);
    return 1;
  }
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    replay(entry.path());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) count += replay_all(argv[i]);
  std::printf("replayed %d files\n", count);
  return count > 0 ? 0 : 1;
}
