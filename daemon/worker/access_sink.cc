#include "daemon/worker/access_sink.h"

#include "daemon/worker/access_file.h"
#include "daemon/worker/access_journal.h"

namespace sockherd::worker {

Result<std::unique_ptr<AccessSink>> AccessSink::open(const AccessTarget& target) {
  return target.where == "journal" ? AccessJournal::open(target) : AccessFile::open(target);
}

}  // namespace sockherd::worker
