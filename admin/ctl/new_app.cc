// `sockherdctl new app DIR`: the files of a first application module, ready to build and to test.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "admin/ctl/actions.h"
#include "admin/ctl/exit_code.h"

namespace sockherd::ctl {
namespace {

struct NewFile {
  std::string_view name;
  std::string_view text;
};

constexpr NewFile kFiles[] = {
    {"CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.16)
project(app CXX)

# Not found? cmake -Dsockherd_DIR=/the/build/tree/cmake
find_package(sockherd REQUIRED)
sockherd_add_module(app app.cc)

enable_testing()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME app COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_app.py
                          ${SOCKHERD_PROGRAM} $<TARGET_FILE:app>)
)"},
    {"app.cc", R"(// An application of sockherd: see docs/applications.md, and <sockherd/app.h>.
#include <sockherd/app.h>

#include <string>

// Called once in each thread of each worker.
SOCKHERD_APP(app) {
  using namespace sockherd::app;

  app.get("/", [](Request&, Response& response) {
    response.html("<!doctype html><title>It works</title><h1>It works</h1>\n");
  });

  app.get("/hello/:name", [](Request& request, Response& response) {
    response.json(nlohmann::json{{"hello", request.param("name")}});
  });

  // Whoever connects hears what everybody says, in all workers.
  app.websocket("/room/:name",
                {.on_open = [](WebSocket& socket) { socket.join(socket.param("name")); },
                 .on_message =
                     [&app](WebSocket& socket, std::string_view text, Kind kind) {
                       app.publish(socket.param("name"), text, kind);
                     }});
}
)"},
    {"test_app.py", R"("""Serves the module and asks it: test_app.py SOCKHERD MODULE."""
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read()


def wait_until_served(port, server):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"sockherd has ended with status {server.returncode}")
        try:
            return get(port, "/")
        except OSError:
            threading.Event().wait(0.05)
    sys.exit("nothing was served within 30 seconds")


def main():
    port = free_port()
    server = subprocess.Popen([sys.argv[1], "--dev", sys.argv[2], "--port", str(port)])
    try:
        assert b"It works" in wait_until_served(port, server)
        assert json.loads(get(port, "/hello/ann")) == {"hello": "ann"}
    finally:
        server.terminate()
        server.wait()
    print("ok")


if __name__ == "__main__":
    main()
)"},
    {"README.md", R"(# An application of sockherd

    cmake -S . -B build && cmake --build build
    ctest --test-dir build --output-on-failure
    sockherd --dev build/app.so     # http://localhost:8080/, and every build reloads it

As a service: copy `build/app.so` to its place with install(1), and name it in /etc/sockherd/sockherd.toml:

    [pool.web]
    listeners = ["web"]
    routes = [{ path = "/", module = "/usr/local/lib/sockherd/app.so" }]

`sockherdctl reload` takes up the next build; where that cannot be loaded, the one before serves on.
)"}};

Error cannot(const std::string& what, const std::string& path) {
  const int code = errno;
  return failure(code == EACCES || code == EPERM ? Exit::Denied : Exit::Failed,
                 "cannot " + what + " " + path + ": " + std::strerror(code));
}

// Never over what is there.
Result<void> write_new(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr) return cannot("write", path);
  const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !is_written) return cannot("write", path);
  return {};
}

}  // namespace

Result<void> new_app(const Request& request, Answer& answer) {
  const std::string folder = request.argument("DIR");
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return cannot("make", folder);
  for (const NewFile& each : kFiles) {
    const std::string path = folder + "/" + std::string(each.name);
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
      return failure(Exit::Failed, path +
                                       " is there already; nothing was written. Name another "
                                       "folder, or remove it");
    }
  }
  for (const NewFile& each : kFiles) {
    TRY(write_new(folder + "/" + std::string(each.name), each.text));
  }
  answer.data =
      "A new application is in " + folder + ". To build, test and serve it:\n\n  cd " + folder +
      "\n  cmake -S . -B build && cmake --build build\n  ctest --test-dir build\n  sockherd "
      "--dev build/app.so\n";
  return {};
}

}  // namespace sockherd::ctl
