#include "daemon/sys/process_family.h"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

namespace sockherd::sys {
namespace {

// A supervisor must not spend its time on a program that starts everything.
constexpr size_t kMostProcesses = 256;

struct Closer {
  void operator()(DIR* directory) const { ::closedir(directory); }
  void operator()(FILE* file) const { ::fclose(file); }
};
using Directory = std::unique_ptr<DIR, Closer>;
using File = std::unique_ptr<FILE, Closer>;

}  // namespace

std::vector<pid_t> family_of(pid_t process) {
  std::vector<pid_t> family{process};
  for (size_t i = 0; i < family.size() && family.size() < kMostProcesses; ++i) {
    const std::string tasks = "/proc/" + std::to_string(family[i]) + "/task";
    const Directory directory(::opendir(tasks.c_str()));
    if (!directory) continue;
    // Who started a child is a thread, not a process.
    for (const dirent* entry = ::readdir(directory.get());
         entry != nullptr && family.size() < kMostProcesses; entry = ::readdir(directory.get())) {
      if (entry->d_name[0] == '.') continue;
      const std::string path = tasks + "/" + entry->d_name + "/children";
      const File file(::fopen(path.c_str(), "re"));
      long child = 0;
      while (file && family.size() < kMostProcesses && ::fscanf(file.get(), "%ld", &child) == 1) {
        family.push_back(static_cast<pid_t>(child));
      }
    }
  }
  return family;
}

uint64_t memory_of(pid_t process) {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t bytes = 0;
  for (const pid_t one : family_of(process)) {
    const std::string path = "/proc/" + std::to_string(one) + "/statm";
    const File file(::fopen(path.c_str(), "re"));
    unsigned long size = 0;
    unsigned long resident = 0;
    unsigned long shared = 0;
    if (!file || ::fscanf(file.get(), "%lu %lu %lu", &size, &resident, &shared) != 3) continue;
    bytes += resident > shared ? (resident - shared) * page : 0;
  }
  return bytes;
}

std::optional<uid_t> user_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/status";
  const File file(::fopen(path.c_str(), "re"));
  std::array<char, 256> line{};
  while (file && std::fgets(line.data(), line.size(), file.get()) != nullptr) {
    unsigned real = 0;
    unsigned effective = 0;
    if (std::sscanf(line.data(), "Uid: %u %u", &real, &effective) == 2) return effective;
  }
  return std::nullopt;
}

std::optional<uint64_t> run_time_of(pid_t process) {
  uint64_t total = 0;
  const std::vector<pid_t> family = family_of(process);
  if (family.size() >= kMostProcesses) return std::nullopt;
  for (const pid_t one : family) {
    const std::string tasks = "/proc/" + std::to_string(one) + "/task";
    const Directory directory(::opendir(tasks.c_str()));
    if (!directory) return std::nullopt;
    for (const dirent* entry = ::readdir(directory.get()); entry != nullptr;
         entry = ::readdir(directory.get())) {
      if (entry->d_name[0] == '.') continue;
      const File file(::fopen((tasks + "/" + entry->d_name + "/schedstat").c_str(), "re"));
      unsigned long ran = 0;
      if (!file || ::fscanf(file.get(), "%lu", &ran) != 1) return std::nullopt;
      total += ran;
    }
  }
  return total;
}

}  // namespace sockherd::sys
