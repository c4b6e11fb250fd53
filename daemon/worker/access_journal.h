// AccessJournal: the access log in the systemd journal, each record an entry with fields, such as
// HTTP_STATUS=404, so that journalctl HTTP_STATUS=404 finds it.
//
// Speaks the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not through
// sd_journal_sendv(3), which waits where the journal is behind and reports success where there is
// none.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "daemon/base/unique_fd.h"
#include "daemon/worker/access_sink.h"

namespace sockherd::worker {

class AccessJournal final : public AccessSink {
 public:
  static constexpr const char* kSocket = "/run/systemd/journal/socket";

  // The journal need not be there yet.
  static Result<std::unique_ptr<AccessSink>> open(const AccessTarget& target,
                                                  std::string socket = kSocket);

  bool has_room() const override { return count_ < kEntries; }
  void put(const AccessRecord& record, Duration boot) override;
  Written flush(const WaitForRoom& wait_for_room) override;
  Result<void> reopen() override { return {}; }

 private:
  // More than one only saves the bookkeeping of a flush: each is a datagram of its own.
  static constexpr size_t kEntries = 32;

  AccessJournal(const AccessTarget& target, UniqueFd fd, std::string socket);
  std::string& next_entry();
  int send(const std::string& entry, const WaitForRoom& wait_for_room) const;

  UniqueFd fd_;
  std::string socket_;
  AccessFormat format_;
  std::string constant_;  // the fields that all entries have
  std::unique_ptr<char[]> message_;
  std::deque<std::string> entries_;  // their memory is used again
  size_t count_ = 0;
};

}  // namespace sockherd::worker
