// RelayedConnection: a client that waited in the queue of a program that is gone, and the
// connection to a sibling that stands for it (queue_relay.h): bytes both ways.
//
// The end of one direction is passed on and the other goes on. Where the sibling takes no more, the
// client still gets all that it has said: an answer that did not wait for the end of the request.
// What the client says meanwhile is read and dropped, since unread bytes would reset its
// connection. A break of either side is one for the other: whoever waits for the rest of something
// must see that there is none.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"

namespace sockherd::worker {

class RelayedConnection final : public io::Watcher {
 public:
  // Both non-blocking; the sibling may still be connecting.
  RelayedConnection(UniqueFd client, UniqueFd sibling);

  // False: it can not be passed on.
  bool begin(io::Loop& loop);

  // A sibling that has ended the connection may have gone for good: its client is waited for no
  // longer than kLongestEnd.
  bool is_over(Instant now);

  static constexpr auto kLongestEnd = std::chrono::seconds(2);

 private:
  // One direction.
  class Pipe {
   public:
    enum class Moved : uint8_t { All, NoGiver, NoTaker };  // the last two: that side is broken
    // Moves what can be moved now.
    Moved move(int from, int to);
    // From now on what comes is dropped.
    void lose();
    // The end has been read, and told to whoever can be.
    bool is_through() const { return has_told_; }

   private:
    static constexpr size_t kBytes = 16384;

    enum class Filled : uint8_t { Something, Nothing, Broken };
    Filled fill(int from);

    std::array<char, kBytes> bytes_{};
    size_t begin_ = 0;
    size_t end_ = 0;
    bool at_end_ = false;
    bool has_told_ = false;
    bool is_lost_ = false;
  };

  void on_ready(io::Events events) override;
  void move();
  bool give_up();
  bool has_taken_all() const;

  UniqueFd client_;
  UniqueFd sibling_;
  Pipe there_;
  Pipe back_;
  bool is_over_ = false;
  bool is_broken_ = false;  // the sibling; the client, once it has what was said before
  std::optional<Instant> over_at_;
  std::array<io::Watch, 2> watches_;  // end before what they watch
};

}  // namespace sockherd::worker
