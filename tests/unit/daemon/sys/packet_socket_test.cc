#include "daemon/sys/packet_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sockherd::sys {
namespace {

class PacketSocket : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = create_packet_pair();
    ASSERT_TRUE(pair.ok()) << pair.error().what;
    ours_ = std::move(pair->ours);
    theirs_ = std::move(pair->theirs);
  }

  // Sends `count` copies of one descriptor with a packet.
  void send_descriptors(int passed, size_t count) {
    std::array<char, CMSG_SPACE(64 * sizeof(int))> control{};
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; ++i)
      std::memcpy(CMSG_DATA(header) + i * sizeof(int), &passed, sizeof passed);
    ASSERT_EQ(::sendmsg(ours_.get(), &message, 0), 1);
  }

  UniqueFd ours_;
  UniqueFd theirs_;
};

size_t open_descriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(open), end(open)));
}

TEST_F(PacketSocket, KeepsPacketsApart) {
  ASSERT_TRUE(send_packet(ours_.get(), "one").ok());
  ASSERT_TRUE(send_packet(ours_.get(), "two").ok());
  EXPECT_EQ(receive_packet(theirs_.get()).bytes, "one");
  const Packet second = receive_packet(theirs_.get());
  EXPECT_EQ(second.state, PacketState::Packet);
  EXPECT_EQ(second.bytes, "two");
  EXPECT_FALSE(second.fd);
  EXPECT_EQ(receive_packet(theirs_.get()).state, PacketState::None);
}

TEST_F(PacketSocket, EndsAreCloseOnExecAndDoNotBlock) {
  for (const UniqueFd* end : {&ours_, &theirs_}) {
    EXPECT_EQ(::fcntl(end->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_NE(::fcntl(end->get(), F_GETFL) & O_NONBLOCK, 0);
  }
}

TEST_F(PacketSocket, PassesADescriptorThatIsCloseOnExec) {
  ASSERT_TRUE(send_packet(ours_.get(), "take this", ours_.get()).ok());
  const Packet packet = receive_packet(theirs_.get());
  EXPECT_EQ(packet.bytes, "take this");
  ASSERT_TRUE(packet.fd);
  struct stat sent {};
  struct stat got {};
  ASSERT_EQ(::fstat(ours_.get(), &sent), 0);
  ASSERT_EQ(::fstat(packet.fd.get(), &got), 0);
  EXPECT_EQ(sent.st_ino, got.st_ino);
  EXPECT_EQ(::fcntl(packet.fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(PacketSocket, KeepsOneOfSeveralDescriptors) {
  const size_t before = open_descriptors();
  send_descriptors(theirs_.get(), 5);
  {
    const Packet packet = receive_packet(theirs_.get());
    EXPECT_EQ(packet.state, PacketState::Packet);
    EXPECT_TRUE(packet.fd);
    EXPECT_EQ(open_descriptors(), before + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PacketSocket, FailsWithoutALeakWhenThereAreTooManyDescriptors) {
  const size_t before = open_descriptors();
  send_descriptors(theirs_.get(), 40);
  const Packet packet = receive_packet(theirs_.get());
  EXPECT_EQ(packet.state, PacketState::Failed);
  EXPECT_FALSE(packet.fd);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PacketSocket, FailsWhenThereIsNoNumberLeftForTheDescriptor) {
  ASSERT_TRUE(send_packet(ours_.get(), "take this", ours_.get()).ok());
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Packet packet = receive_packet(theirs_.get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(packet.state, PacketState::Failed);
  EXPECT_EQ(receive_packet(theirs_.get()).state, PacketState::None);
}

TEST_F(PacketSocket, FailsForAPacketThatIsTooLong) {
  ASSERT_TRUE(send_packet(ours_.get(), std::string(4096, 'x')).ok());
  ASSERT_TRUE(send_packet(ours_.get(), std::string(4097, 'x')).ok());
  ASSERT_TRUE(send_packet(ours_.get(), "short").ok());
  EXPECT_EQ(receive_packet(theirs_.get()).bytes.size(), 4096U);
  EXPECT_EQ(receive_packet(theirs_.get()).state, PacketState::Failed);
  EXPECT_EQ(receive_packet(theirs_.get()).bytes, "short");
}

TEST_F(PacketSocket, TellsAnEmptyPacketFromAHangUp) {
  ASSERT_EQ(::send(ours_.get(), "", 0, 0), 0);
  const Packet packet = receive_packet(theirs_.get());
  EXPECT_EQ(packet.state, PacketState::Packet);
  EXPECT_EQ(packet.bytes, "");
}

TEST_F(PacketSocket, HangsUpAfterWhatWasSent) {
  ASSERT_TRUE(send_packet(ours_.get(), "last").ok());
  ours_.reset();
  EXPECT_EQ(receive_packet(theirs_.get()).bytes, "last");
  EXPECT_EQ(receive_packet(theirs_.get()).state, PacketState::HungUp);
  EXPECT_EQ(receive_packet(theirs_.get()).state, PacketState::HungUp);
}

TEST_F(PacketSocket, HangsUpWhenTheOtherSideHasNotReadEverything) {
  ASSERT_TRUE(send_packet(ours_.get(), "unread").ok());
  theirs_.reset();
  EXPECT_EQ(receive_packet(ours_.get()).state, PacketState::HungUp);
}

TEST_F(PacketSocket, SendingDoesNotWaitForSomebodyWhoDoesNotRead) {
  Result<void> sent;
  for (int i = 0; i < 100'000 && sent.ok(); ++i) sent = send_packet(ours_.get(), "again");
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, EAGAIN);
}

TEST_F(PacketSocket, SendingToNobodyIsAnError) {
  theirs_.reset();
  const Result<void> sent = send_packet(ours_.get(), "hello");
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, EPIPE);
}

}  // namespace
}  // namespace sockherd::sys
