// The first byte says how the rest is cut into pieces; the rest is a multipart/form-data body with
// the boundary "b", or, before its first line end, a Content-Type. However it is cut, it means the
// same, and what comes out was in it.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/multipart.h"

namespace {

using namespace sockherd::http;

// All that was heard, as a text.
class Record final : public MultipartReader::Sink {
 public:
  void on_part(PartHead head) override {
    SH_ASSERT(!is_open_);
    is_open_ = true;
    heard_ += "[" + head.name + "|" + head.filename.value_or("-") + "|" + head.content_type + "]";
  }
  void on_data(std::string_view piece) override {
    SH_ASSERT(is_open_ && !piece.empty());
    content_ += piece.size();
    heard_ += piece;
  }
  void on_part_end() override {
    SH_ASSERT(is_open_);
    is_open_ = false;
    heard_ += "[end]";
  }

  std::string heard_;
  size_t content_ = 0;
  bool is_open_ = false;
};

struct Outcome {
  bool is_good;
  std::string heard;
};

Outcome read(std::string_view body, size_t piece) {
  Record record;
  MultipartReader reader("b", record);
  bool is_good = true;
  for (size_t at = 0; is_good && at < body.size(); at += piece) {
    is_good = reader.feed(body.substr(at, piece));
  }
  is_good = is_good && reader.finish();
  SH_ASSERT(is_good == (*reader.fault() == '\0'));
  SH_ASSERT(record.content_ <= body.size());
  SH_ASSERT(!is_good || !record.is_open_);
  return {is_good, record.heard_};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto boundary = multipart_boundary(body.substr(0, body.find('\n')));
  SH_ASSERT(!boundary || (!boundary->empty() && boundary->size() <= 70));
  const Outcome whole = read(body, std::max<size_t>(body.size(), 1));
  const Outcome cut = read(body, std::max<size_t>(data[0], 1));
  SH_ASSERT(whole.is_good == cut.is_good);
  SH_ASSERT(!whole.is_good || whole.heard == cut.heard);
  return 0;
}
