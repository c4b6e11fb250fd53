#include "daemon/worker/directory.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

class DirectoryTest : public ::testing::TestWithParam<Directory::Lookup> {
 protected:
  void SetUp() override {
    root_.write("secret", "secret");
    root_.write("www/index.html", "index");
    root_.write("www/a/b/c.txt", "c");
    directory_ = std::make_unique<Directory>(
        std::move(Directory::open(root_.path("www"), GetParam())).value());
  }
  OpenFault fault_of(const std::string& name) const { return directory_->open_file(name).fault; }

  TemporaryDirectory root_;
  std::unique_ptr<Directory> directory_;
};

INSTANTIATE_TEST_SUITE_P(Both, DirectoryTest,
                         ::testing::Values(Directory::Lookup::Kernel, Directory::Lookup::Walk),
                         [](const auto& each) {
                           return each.param == Directory::Lookup::Kernel ? "Kernel" : "Walk";
                         });

TEST_P(DirectoryTest, OpensFilesAndDirectories) {
  const OpenedFile file = directory_->open_file("a/b/c.txt");
  ASSERT_EQ(file.fault, OpenFault::None);
  EXPECT_TRUE(S_ISREG(file.status.st_mode));
  EXPECT_EQ(file.status.st_size, 1);
  char content = 0;
  EXPECT_EQ(::read(file.fd.get(), &content, 1), 1);
  EXPECT_EQ(content, 'c');
  EXPECT_TRUE(S_ISDIR(directory_->open_file("a/b").status.st_mode));
  EXPECT_EQ(fault_of("a/nothing"), OpenFault::NotFound);
  EXPECT_EQ(fault_of("index.html/x"), OpenFault::NotFound);
  EXPECT_EQ(fault_of(std::string(300, 'x')), OpenFault::NotFound);
}

TEST_P(DirectoryTest, DoesNotLeadOutside) {
  root_.link("../secret", "www/out");
  root_.link(root_.path("secret"), "www/absolute");
  root_.link("..", "www/up");
  root_.link("/proc/self/root", "www/magic");
  for (const char* name : {"out", "absolute", "up/secret", "magic/etc/passwd"}) {
    EXPECT_EQ(fault_of(name), OpenFault::NotFound) << name;
  }
}

TEST_P(DirectoryTest, HandsOutNeitherFifosNorDevicesNorSockets) {
  ASSERT_EQ(::mkfifo(root_.path("www/fifo").c_str(), 0600), 0);
  EXPECT_EQ(fault_of("fifo"), OpenFault::NotFound);  // and did not wait for a writer
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, root_.path("www/socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(fault_of("socket"), OpenFault::NotFound);
}

TEST_P(DirectoryTest, FollowsLinksThatStayInsideOnlyWhereTheKernelHoldsTheBorder) {
  root_.link("a/b/c.txt", "www/inside");
  root_.link("../../index.html", "www/a/b/back");
  const OpenFault expected =
      GetParam() == Directory::Lookup::Kernel ? OpenFault::None : OpenFault::NotFound;
  EXPECT_EQ(fault_of("inside"), expected);
  EXPECT_EQ(fault_of("a/b/back"), expected);
}

TEST(Directory, SaysWhatIsWrongWithItself) {
  const Result<Directory> missing = Directory::open("/nonexistent/www");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().what, "open /nonexistent/www: No such file or directory");
}

}  // namespace
}  // namespace sockherd::worker
