#include "daemon/supervisor/outputs.h"

#include <unistd.h>

#include <array>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kTurnBytes = 64 * 1024;  // read in one turn
// How long a worker rests that has filled a turn: so one reads 13 MB/s at most, and the others and
// everything else have their turn.
constexpr Duration kRest = std::chrono::milliseconds(5);
constexpr Duration kRetry = std::chrono::milliseconds(10);
constexpr Duration kBetweenWarnings = std::chrono::seconds(10);

double seconds_of(Instant at) {
  return std::chrono::duration<double>(at.since_boot).count();
}

}  // namespace

class Outputs::Reader {
 public:
  Reader(const OutputSink& sink, const OutputSource& source, UniqueFd pipe,
         stats::Counters* counters)
      : sink_(sink),
        source_(source),
        tag_(source),
        lines_(sink.most_line_bytes(tag_)),
        pipe_(std::move(pipe)),
        counters_(counters) {}

  Result<void> watch(sd_event* loop, std::function<void()> ended) {
    ended_ = std::move(ended);
    timer_ = TRY(Watch::timer(loop, [this] { go_on(); }));
    readable_ = TRY(Watch::on_readable(loop, pipe_.get(), [this] { read_some(); }));
    return {};
  }

  // What is in the pipe now, and what is in our hands.
  void read_to_the_end() {
    constexpr size_t kMostReads = sys::kOutputPipeBytes / kTurnBytes + 1;
    for (size_t i = 0; i < kMostReads && pipe_ && read_turn() > 0; ++i) {
      if (!pass_on()) drop("the log does not take it");
    }
    flush();
  }

  void flush() {
    lines_.end();
    if (!pass_on()) drop("the log does not take it");
    say_dropped(Instant{Duration::max()});
  }

 private:
  ssize_t read_turn() {
    std::array<char, kTurnBytes> buffer;
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got > 0) lines_.add({buffer.data(), static_cast<size_t>(got)});
    return got;
  }

  void read_some() {
    const ssize_t got = read_turn();
    if (got == 0) {  // it has closed both, and lives on
      readable_.reset();
      flush();
      pipe_.reset();
      ended_();
      return;
    }
    if (!pass_on()) {
      rest(kRetry);
    } else if (got == static_cast<ssize_t>(kTurnBytes)) {
      rest(kRest);
    }
  }

  void rest(Duration time) {
    readable_.pause();
    timer_.arm(monotonic_now() + time);
  }

  void go_on() {
    if (!pass_on()) {
      rest(kRetry);
    } else if (readable_ && !readable_.resume().ok()) {
      rest(kRetry);
    }
  }

  // False where the log is behind: the rest is for later.
  bool pass_on() {
    const Instant now = monotonic_now();
    while (const auto line = lines_.front()) {
      if (!budget_.take(seconds_of(now))) {
        drop("more lines than it may write");
      } else if (sink_.write(tag_, *line) == OutputSink::Taken::Yes) {
        lines_.pop();
        count(stats::Count::OutputLines, 1);
        held_since_.reset();
      } else {
        if (!held_since_) held_since_ = now;
        if (now - *held_since_ < kPatience) return false;
        drop("the log does not take it");
      }
    }
    say_dropped(now);
    return true;
  }

  void drop(const char* why) {
    size_t lines = lines_.drop();
    if (lines == 0 && lines_.front()) {
      lines_.pop();
      lines = 1;
    }
    count(stats::Count::OutputLinesDropped, lines);
    unsaid_ += lines;
    why_ = why;
  }

  void count(stats::Count what, uint64_t by) {
    if (counters_ != nullptr) counters_->add(what, by);
  }

  void say_dropped(Instant now) {
    if (unsaid_ == 0 || (said_at_ && now - *said_at_ < kBetweenWarnings)) return;
    log::warn("output-dropped", {{"pool", source_.pool},
                                 {"slot", source_.slot},
                                 {"pid", source_.pid},
                                 {"lines", std::exchange(unsaid_, 0)},
                                 {"why", why_}});
    said_at_ = now;
  }

  const OutputSink& sink_;
  OutputSource source_;
  OutputSink::Tag tag_;
  OutputLines lines_;
  OutputBudget budget_;
  UniqueFd pipe_;
  stats::Counters* counters_;
  std::function<void()> ended_;
  std::optional<Instant> held_since_;  // what is at the front waits for the log
  uint64_t unsaid_ = 0;                // lines that were dropped
  const char* why_ = "";
  std::optional<Instant> said_at_;
  Watch readable_;
  Watch timer_;
};

Outputs::Outputs(sd_event* loop, FdStore& store, OutputSink sink)
    : loop_(loop), store_(store), sink_(std::move(sink)) {}
Outputs::~Outputs() = default;

Result<sys::OutputPipe> Outputs::open(const config::Pool& pool) {
  if (pool.command.empty() || pool.output == "inherit") return sys::OutputPipe{};
  if (pool.output == "lines") return sys::create_output_pipe();
  return sys::OutputPipe{{}, TRY(sys::open_null())};
}

Result<void> Outputs::begin(fleet::WorkerId id, const OutputSource& source, UniqueFd pipe,
                            stats::Counters* counters) {
  const int fd = pipe.get();
  auto reader = std::make_unique<Reader>(sink_, source, std::move(pipe), counters);
  TRY(reader->watch(loop_, [this, id] { store_.forget({Kept::Output, id, ""}); }));
  store_.keep({Kept::Output, id, ""}, fd);
  readers_[id] = std::move(reader);
  return {};
}

void Outputs::end(fleet::WorkerId id) {
  const auto found = readers_.find(id);
  if (found == readers_.end()) return;
  found->second->read_to_the_end();
  readers_.erase(found);
  store_.forget({Kept::Output, id, ""});
}

void Outputs::read_remains(const OutputSource& source, UniqueFd pipe) const {
  Reader(sink_, source, std::move(pipe), nullptr).read_to_the_end();
}

void Outputs::flush() {
  for (const auto& [id, reader] : readers_) reader->flush();
}

}  // namespace sockherd::supervisor
