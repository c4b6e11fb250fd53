#include "daemon/io/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>

#include "tests/unit/daemon/io/engines.h"
#include "tests/unit/daemon/io/loopback.h"

namespace sockherd::io {
namespace {

static_assert(sizeof(Socket) == 16, "it stands in every idle connection");

// Remembers what it is told.
class Ear final : public Watcher {
 public:
  void on_ready(Events events) override {
    heard |= events;
    ++calls;
    act(events);
  }
  Events heard = 0;
  int calls = 0;
  std::function<void(Events)> act = [](Events) {};
};

std::string long_text(size_t bytes) {
  std::string text;
  text.reserve(bytes + 16);
  for (size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i) + ' ';
  text.resize(bytes);
  return text;
}

UniqueFd file_with(std::string_view text) {
  UniqueFd file(::memfd_create("content", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return file;
}

class SocketTest : public ::testing::TestWithParam<LoopKind> {
 protected:
  SocketTest() {
    const UniqueFd listener = listen_on_loopback();
    far_ = connect_to(listener.get());
    UniqueFd near(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const int on = 1;
    EXPECT_EQ(::setsockopt(near.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    socket_.emplace(*loop_, std::move(near));
  }

  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) loop_->turn(loop_->now());
  }
  void watch() { ASSERT_TRUE(socket_->watch(ear_)); }

  // The peer.
  void speak(std::string_view text) {
    EXPECT_EQ(::send(far_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string far_hears() {
    std::string text;
    std::array<char, 65536> piece;
    for (;;) {
      const ssize_t got = ::recv(far_.get(), piece.data(), piece.size(), 0);
      if (got <= 0) return text;
      text.append(piece.data(), static_cast<size_t>(got));
    }
  }

  void reset() {
    const linger now{1, 0};
    EXPECT_EQ(::setsockopt(far_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    far_.reset();
  }

  // All that can be received; ends_with: what comes behind it.
  std::string receive(State ends_with = State::Blocked) {
    std::string text;
    std::array<char, 7> piece;
    for (;;) {
      const Outcome outcome = socket_->receive(piece);
      if (outcome.state != State::Done) {
        EXPECT_EQ(outcome.state, ends_with);
        return text;
      }
      text.append(piece.data(), outcome.bytes);
    }
  }

  // Sends with `send(offset)` until `size` bytes have left, as a connection does; the far side
  // reads along. Returns what has arrived there.
  template <typename Send>
  std::string send_whole(size_t size, Send send) {
    std::string arrived;
    size_t sent = 0;
    bool is_blocked = false;
    ear_.act = [&is_blocked](Events events) {
      if ((events & event::kWritable) != 0) is_blocked = false;
    };
    for (int rounds = 0; rounds < 10000 && (sent < size || is_blocked); ++rounds) {
      if (!is_blocked) {
        const Outcome outcome = send(sent);
        sent += outcome.bytes;
        EXPECT_TRUE(outcome.state == State::Done || outcome.state == State::Blocked);
        is_blocked = outcome.state == State::Blocked;
      }
      if (is_blocked) {
        loop_->turn(loop_->now());
        arrived += far_hears();
      }
    }
    EXPECT_EQ(sent, size);
    return arrived + far_hears();
  }

  std::unique_ptr<Loop> loop_ = std::move(GetParam().create()).value();
  UniqueFd far_;
  Ear ear_;
  std::optional<Socket> socket_;
};

INSTANTIATE_TEST_SUITE_P(On, SocketTest, ::testing::ValuesIn(every_loop()), name_of_loop);

TEST_P(SocketTest, ReceivesRightAfterAcceptWithoutBeingWatched) {
  EXPECT_EQ(receive(), "");
  speak("hello");
  EXPECT_EQ(receive(), "hello");
  EXPECT_FALSE(socket_->is_watched());
}

TEST_P(SocketTest, TellsThatBytesHaveComeOnce) {
  watch();
  turn();
  EXPECT_EQ(ear_.calls, 0);
  speak("hello");
  turn();
  EXPECT_EQ(ear_.heard, event::kReadable);
  EXPECT_EQ(ear_.calls, 1);
  EXPECT_EQ(receive(), "hello");
  turn();
  EXPECT_EQ(ear_.calls, 1);
}

TEST_P(SocketTest, TellsWhatWasThereBeforeItWasWatched) {
  speak("early");
  watch();
  turn();
  EXPECT_NE(ear_.heard & event::kReadable, 0U);
  EXPECT_EQ(receive(), "early");
}

TEST_P(SocketTest, TellsEachTimeThatMoreHasCome) {
  watch();
  std::string text;
  ear_.act = [&](Events) { text += receive(); };
  for (const char* word : {"one ", "two ", "three"}) {
    speak(word);
    turn();
  }
  EXPECT_EQ(text, "one two three");
  EXPECT_EQ(ear_.calls, 3);
}

TEST_P(SocketTest, KeepsWhatNobodyHasReceivedYet) {
  watch();
  speak("one ");
  turn();
  speak("two");
  turn();
  std::string text = receive();
  if (text == "one ") {  // the rest was left in the socket until now, and is told of
    turn();
    text += receive();
  }
  EXPECT_EQ(text, "one two");
  EXPECT_EQ(ear_.calls, 2);
}

TEST_P(SocketTest, ReceivesMoreThanAnyBufferHolds) {
  watch();
  const std::string text = long_text(3'000'000);
  std::string received;
  ear_.act = [&](Events) { received += receive(); };
  for (size_t sent = 0; received.size() < text.size();) {
    const ssize_t more = ::send(far_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (more > 0) sent += static_cast<size_t>(more);
    turn(1);
  }
  EXPECT_EQ(received, text);
}

TEST_P(SocketTest, TellsThatThePeerSendsNoMore) {
  watch();
  speak("last");
  ::shutdown(far_.get(), SHUT_WR);
  turn();
  EXPECT_EQ(ear_.heard & (event::kPeerClosed | event::kBroken), event::kPeerClosed);
  EXPECT_EQ(receive(State::Ended), "last");
}

TEST_P(SocketTest, TellsOfAReset) {
  watch();
  reset();
  turn();
  EXPECT_NE(ear_.heard & event::kBroken, 0U);
}

// A job may be at work for a client that has ended its side; once it resets, nobody waits any more.
TEST_P(SocketTest, TellsOfAResetBehindTheEnd) {
  watch();
  ::shutdown(far_.get(), SHUT_WR);
  turn();
  ASSERT_EQ(ear_.heard & (event::kPeerClosed | event::kBroken), event::kPeerClosed);
  EXPECT_EQ(receive(State::Ended), "");
  turn();
  reset();
  turn();
  EXPECT_NE(ear_.heard & event::kBroken, 0U);
}

TEST_P(SocketTest, TellsOfAResetBehindBytesThatNobodyReceives) {
  watch();
  for (int i = 0; i < 3; ++i) {
    speak("unread");
    turn();
  }
  reset();
  turn();
  EXPECT_NE(ear_.heard & event::kBroken, 0U);
}

// Found by a tunnel on io_uring: who had stopped reading never got what the kernel still had.
TEST_P(SocketTest, LosesNothingOfWhatWasSaidBeforeAReset) {
  watch();
  const int on = 1;  // all of it has left before the reset
  ASSERT_EQ(::setsockopt(far_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  const std::string text = long_text(20'000);
  for (size_t at = 0; at < text.size(); at += 1000) {
    speak(text.substr(at, 1000));
    turn();
  }
  reset();
  turn();
  EXPECT_NE(ear_.heard & event::kBroken, 0U);
  std::string received;
  std::optional<State> end;
  for (int i = 0; i < 100 && !end; ++i) {
    std::array<char, 700> piece;
    const Outcome outcome = socket_->receive(piece);
    received.append(piece.data(), outcome.bytes);
    if (outcome.state == State::Blocked) turn();
    if (outcome.state == State::Ended || outcome.state == State::Failed) end = outcome.state;
  }
  EXPECT_EQ(received, text);
  EXPECT_TRUE(end.has_value());
}

TEST_P(SocketTest, TellsOfAnEndThatCameWithTheBytesBeforeIt) {
  std::array<int, 2> fds = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  far_ = UniqueFd(fds[1]);
  socket_.emplace(*loop_, UniqueFd(fds[0]));
  watch();
  speak("last");
  ::shutdown(far_.get(), SHUT_WR);
  std::string text;
  bool is_over = false;
  ear_.act = [&](Events) {
    std::array<char, 16> piece;
    for (;;) {
      const Outcome outcome = socket_->receive(piece);
      is_over = is_over || outcome.state == State::Ended;
      if (outcome.state != State::Done) return;
      text.append(piece.data(), outcome.bytes);
    }
  };
  turn(10);
  EXPECT_EQ(text, "last");
  EXPECT_TRUE(is_over);
  EXPECT_EQ(ear_.heard & event::kBroken, 0U);
  far_.reset();
  turn();
}

TEST_P(SocketTest, SendsShortTextsWhole) {
  watch();
  const std::string text = "hello";
  EXPECT_EQ(
      send_whole(5, [&](size_t at) { return socket_->send(std::string_view(text).substr(at)); }),
      text);
}

TEST_P(SocketTest, SendsWithoutBeingWatched) {
  EXPECT_EQ(socket_->send("hello").state, State::Done);
  EXPECT_EQ(far_hears(), "hello");
}

TEST_P(SocketTest, GoesOnWhereTheSocketWasFull) {
  watch();
  const std::string text = long_text(20'000'000);
  EXPECT_EQ(send_whole(text.size(),
                       [&](size_t at) { return socket_->send(std::string_view(text).substr(at)); }),
            text);
}

TEST_P(SocketTest, GoesOnWhereTheSocketWasFullBeforeItWasWatched) {
  const std::string text = long_text(20'000'000);
  const Outcome first = socket_->send(text);
  ASSERT_EQ(first.state, State::Blocked);
  watch();
  const std::string early = far_hears();
  const std::string_view rest = std::string_view(text).substr(first.bytes);
  EXPECT_EQ(
      early + send_whole(rest.size(), [&](size_t at) { return socket_->send(rest.substr(at)); }),
      text);
}

TEST_P(SocketTest, SaysNothingOfRoomThatNobodyWaitsFor) {
  watch();
  turn();
  EXPECT_EQ(ear_.heard, 0U);
}

TEST_P(SocketTest, SendsTwoInTheirOrder) {
  watch();
  const std::string first = long_text(100'000);
  const std::string second = long_text(10'000'000);
  const std::string sent = send_whole(first.size() + second.size(), [&](size_t at) {
    if (at >= first.size())
      return socket_->send(std::string_view(second).substr(at - first.size()));
    return socket_->send_two(std::string_view(first).substr(at), second);
  });
  EXPECT_EQ(sent, first + second);
}

TEST_P(SocketTest, SendsAPartOfAFile) {
  watch();
  const std::string text = long_text(10'000'000);
  const UniqueFd file = file_with(text);
  const std::string sent = send_whole(text.size() - 10, [&](size_t at) {
    return socket_->send_file(file.get(), 10 + at, text.size() - 10 - at);
  });
  EXPECT_EQ(sent, text.substr(10));
}

TEST_P(SocketTest, SendsAFileBehindItsHead) {
  watch();
  const std::string head = "head";
  const UniqueFd file = file_with("content");
  const std::string sent = send_whole(11, [&](size_t at) {
    if (at < 4) return socket_->send(std::string_view(head).substr(at), Follows::More);
    return socket_->send_file(file.get(), at - 4, 11 - at);
  });
  EXPECT_EQ(sent, "headcontent");
}

TEST_P(SocketTest, SaysThatAFileIsShorterThanItWas) {
  watch();
  const UniqueFd file = file_with("short");
  Outcome outcome = socket_->send_file(file.get(), 5, 100);
  for (int i = 0; i < 10 && outcome.state == State::Blocked; ++i) {
    turn();
    outcome = socket_->send_file(file.get(), 5, 100);
  }
  EXPECT_EQ(outcome.state, State::Ended);
}

TEST_P(SocketTest, ASendToNobodyFails) {
  watch();
  reset();
  Outcome outcome = socket_->send("hello");
  for (int i = 0; i < 10 && outcome.state == State::Blocked; ++i) {
    turn();
    outcome = socket_->send("hello");
  }
  EXPECT_EQ(outcome.state, State::Failed);
}

// AF_UNIX says ENOBUFS where the kernel has no memory, a filter EPERM; a packet that is too long
// stands for them. The answer would be waited for without end.
TEST_P(SocketTest, ASendThatTheKernelRefusesEndsTheConnection) {
  std::array<int, 2> ends = {-1, -1};
  constexpr int kType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
  ASSERT_EQ(::socketpair(AF_UNIX, kType, 0, ends.data()), 0);
  far_ = UniqueFd(ends[0]);
  socket_.emplace(*loop_, UniqueFd(ends[1]));
  const std::string text = long_text(size_t{8} << 20);
  State state = State::Blocked;
  ear_.act = [&](Events) {
    if (state == State::Blocked) state = socket_->send(text).state;
  };
  watch();
  speak("early");  // in one packet
  turn();
  EXPECT_EQ(state, State::Failed);
  EXPECT_NE(ear_.heard & (event::kPeerClosed | event::kBroken), 0U);
  std::array<char, 16> room;
  EXPECT_EQ(socket_->receive(room).bytes, 5U);
  turn();
  EXPECT_EQ(socket_->receive(room).state, State::Ended);
}

// Nobody listens there: whoever connects hears it from the first send, and asks errno.
TEST(Transfer, ASendThatFailsSaysWhy) {
  const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const there = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(silent.get(), there, size), 0);
  ASSERT_EQ(::getsockname(silent.get(), there, &size), 0);
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ASSERT_EQ(::connect(fd.get(), there, size), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  pollfd entry{fd.get(), POLLOUT, 0};
  ASSERT_EQ(::poll(&entry, 1, -1), 1);
  EXPECT_EQ(io::send(fd.get(), "").state, State::Failed);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_P(SocketTest, IsCalledAgainInTheNextTurn) {
  watch();
  socket_->call_again(event::kWritable);
  turn();
  EXPECT_EQ(ear_.heard, event::kWritable);
  EXPECT_EQ(ear_.calls, 1);
}

TEST_P(SocketTest, IsSilentOnceItIsDestroyed) {
  watch();
  speak("hello");
  socket_->call_again(0);
  socket_.reset();
  turn();
  EXPECT_EQ(ear_.calls, 0);
}

TEST_P(SocketTest, IsClosedOnceItIsDestroyedWhileASendIsUnderWay) {
  watch();
  std::string text = long_text(20'000'000);
  ASSERT_EQ(socket_->send(text).state, State::Blocked);
  socket_.reset();
  text.assign(text.size(), '!');  // nobody reads it any more
  turn();
  const std::string arrived = far_hears();
  EXPECT_EQ(arrived.find('!'), std::string::npos);
  std::array<char, 1> piece;
  EXPECT_EQ(::recv(far_.get(), piece.data(), piece.size(), 0), 0) << "the end";
  EXPECT_EQ(ear_.calls, 0);
}

// Both have something to hear in one batch; whoever is first destroys the other.
TEST_P(SocketTest, AStaleEventOfTheSameBatchFindsNobodyHome) {
  const UniqueFd listener = listen_on_loopback();
  const UniqueFd other_far = connect_to(listener.get());
  std::optional<Socket> other;
  other.emplace(
      *loop_, UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
  Ear other_ear;
  watch();
  ASSERT_TRUE(other->watch(other_ear));
  ear_.act = [&](Events) { other.reset(); };
  other_ear.act = [&](Events) { socket_.reset(); };
  speak("x");
  ASSERT_EQ(::send(other_far.get(), "x", 1, 0), 1);
  turn();
  EXPECT_EQ(ear_.calls + other_ear.calls, 1);
}

TEST_P(SocketTest, MayBeDestroyedByItsWatcher) {
  watch();
  ear_.act = [&](Events) { socket_.reset(); };
  speak("x");
  turn();
  EXPECT_EQ(ear_.calls, 1);
}

TEST_P(SocketTest, LooksAtWhatHasComeInThisMoment) {
  watch();
  turn();
  speak("late");
  socket_->look();
  EXPECT_EQ(receive(), "late");
}

TEST_P(SocketTest, LeavesWhatComesToTheNextHolderOnceItIsReleased) {
  watch();
  turn();
  ASSERT_TRUE(socket_->release());
  EXPECT_FALSE(socket_->is_watched());
  const UniqueFd copy(::fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0));
  speak("for you");
  turn();
  socket_.reset();
  turn();
  std::array<char, 16> piece;
  EXPECT_EQ(::recv(copy.get(), piece.data(), piece.size(), 0), 7);
  EXPECT_EQ(ear_.calls, 0);
}

TEST_P(SocketTest, IsWatchedAgainAfterItWasReleased) {
  watch();
  turn();
  ASSERT_TRUE(socket_->release());
  speak("still here");
  EXPECT_EQ(receive(), "still here");
  watch();
  speak("again");
  turn();
  EXPECT_EQ(receive(), "again");
}

// Either it goes, and the bytes are the next holder's, or it stays, and they are ours.
TEST_P(SocketTest, LosesNoBytesThatComeWhileItIsReleased) {
  watch();
  turn();
  speak("crossing");
  if (socket_->release()) {
    EXPECT_FALSE(socket_->is_watched());
    EXPECT_EQ(receive(), "crossing") << "asks the kernel";
  } else {
    EXPECT_TRUE(socket_->is_watched());
    EXPECT_EQ(receive(), "crossing");
    speak("further");
    turn();
    EXPECT_EQ(receive(), "further");
  }
}

}  // namespace
}  // namespace sockherd::io
