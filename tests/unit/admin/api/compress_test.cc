#include "admin/api/compress.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace sockherd::api {
namespace {

TEST(AcceptsGzip, ReadsTheField) {
  const struct {
    std::vector<std::string_view> values;
    bool accepted;
  } kCases[] = {{{}, false},
                {{""}, false},
                {{"gzip"}, true},
                {{"GZIP"}, true},
                {{"deflate, gzip;q=0.5"}, true},
                {{"gzip;q=0"}, false},
                {{"gzip ; q=0.000"}, false},
                {{"*"}, true},
                {{"*, gzip;q=0"}, false},
                {{"identity"}, false},
                {{"identity", "gzip"}, true},
                {{"xgzip"}, false}};
  for (const auto& [values, accepted] : kCases)
    EXPECT_EQ(accepts_gzip(values), accepted) << (values.empty() ? "none" : values[0]);
}

TEST(Gzip, UnpacksToWhatWentIn) {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += "sockherd_workers{slot=\"" + std::to_string(i) + "\"} 1\n";
  const std::string packed = gzip(text).value();
  EXPECT_LT(packed.size(), text.size() / 5);
  std::string unpacked(text.size() + 1, '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
  stream.avail_out = static_cast<uInt>(unpacked.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  unpacked.resize(stream.total_out);
  EXPECT_EQ(unpacked, text);
}

}  // namespace
}  // namespace sockherd::api
