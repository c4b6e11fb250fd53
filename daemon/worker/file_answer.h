// FileAnswer: one file on its way to the client: conditions, ranges, and what the head says.
#pragma once

#include "daemon/http/range.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/site.h"

namespace sockherd::worker {

// Answers a GET or HEAD for the file.
class FileAnswer {
 public:
  FileAnswer(const http::RequestHead& head, Exchange& exchange, const SiteFile& file)
      : head_(head), exchange_(exchange), file_(file), chosen_(file.identity) {}

  void send();

 private:
  uint64_t size() const { return chosen_.file->size(); }
  http::Field tag() const { return {"ETag", chosen_.tag.view()}; }
  http::Field modified() const {
    return {"Last-Modified", {file_.modified_text.data(), file_.modified_text.size()}};
  }

  void send_status(int status);
  void send_whole();
  void send_part(const http::ByteRange& range);
  void send_unsatisfiable();

  const http::RequestHead& head_;
  Exchange& exchange_;
  const SiteFile& file_;
  const Representation& chosen_;
};

}  // namespace sockherd::worker
