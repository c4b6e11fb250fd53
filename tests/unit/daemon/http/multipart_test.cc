#include "daemon/http/multipart.h"

#include <gtest/gtest.h>

#include <string>

namespace sockherd::http {
namespace {

class Record final : public MultipartReader::Sink {
 public:
  void on_part(PartHead head) override {
    heard += "[" + head.name + "|" + head.filename.value_or("-") + "|" + head.content_type + "]";
  }
  void on_data(std::string_view piece) override { heard += piece; }
  void on_part_end() override { heard += "[end]"; }
  std::string heard;
};

// What is heard of a body that comes in pieces of that size, or the fault.
std::string read(std::string_view body, size_t piece = 100'000) {
  Record record;
  MultipartReader reader("b", record);
  bool is_good = true;
  for (size_t at = 0; is_good && at < body.size(); at += piece) {
    is_good = reader.feed(body.substr(at, piece));
  }
  return is_good && reader.finish() ? record.heard : std::string("fault: ") + reader.fault();
}

std::string part(const std::string& fields, const std::string& content) {
  return "--b\r\n" + fields + "\r\n\r\n" + content + "\r\n";
}

const std::string kName = "Content-Disposition: form-data; name=\"a\"";

TEST(Multipart, IsReadHoweverItIsCut) {
  const std::string body =
      "preamble\r\n" + part(kName, "1") +
      part("content-type: text/plain\r\nContent-Disposition: form-data; name=f; filename=\"x.txt\"",
           "line\r\n--bother\r\n--") +
      part(kName, "") + "--b--\r\nepilogue --b";
  const std::string bad = "fault: a boundary is followed by something else";
  EXPECT_EQ(read(body), bad);  // "--bother" begins with the boundary
  std::string good = body;
  good.replace(good.find("--bother"), 8, "--Bother");
  for (size_t piece = 1; piece <= good.size(); ++piece) {
    EXPECT_EQ(read(good, piece),
              "[a|-|]1[end][f|x.txt|text/plain]line\r\n--Bother\r\n--[end][a|-|][end]")
        << piece;
  }
}

TEST(Multipart, UndoesEscapes) {
  const auto name = [](const std::string& text) {
    return read(part("Content-Disposition: form-data; name=\"" + text + "\"", "") + "--b--");
  };
  EXPECT_EQ(name("a\\\"b"), "[a\"b|-|][end]");
  EXPECT_EQ(name("C:\\x"), "[C:\\x|-|][end]");
  EXPECT_EQ(name("a%22;b"), "[a%22;b|-|][end]");
}

TEST(Multipart, RefusesWhatIsMalformed) {
  const auto fault = [](const std::string& body) { return read(body).rfind("fault: ", 0) == 0; };
  EXPECT_TRUE(fault(""));
  EXPECT_TRUE(fault("--b"));
  EXPECT_TRUE(fault("--b\r\n"));
  EXPECT_TRUE(fault(part(kName, "1")));  // no last boundary
  EXPECT_TRUE(fault("--b\r\n\r\nx\r\n--b--"));
  EXPECT_TRUE(fault(part("Content-Disposition: form-data", "") + "--b--"));
  EXPECT_TRUE(fault(part("Content-Disposition: attachment; name=a", "") + "--b--"));
  EXPECT_TRUE(fault(part("Content-Disposition: form-data; name=\"a", "") + "--b--"));
  EXPECT_TRUE(fault(part(kName + "\r\n" + kName, "") + "--b--"));
  EXPECT_TRUE(fault(part("no colon\r\n" + kName, "") + "--b--"));
  EXPECT_TRUE(fault(part(kName + "\r\nX: a\rb", "") + "--b--"));
  EXPECT_TRUE(fault("--b" + std::string(300, ' ') + "\r\n" + kName + "\r\n\r\n\r\n--b--"));
  EXPECT_TRUE(fault(part("X: " + std::string(9000, 'x') + "\r\n" + kName, "") + "--b--"));
  std::string many;
  for (size_t i = 0; i <= MultipartReader::kMostParts; ++i) many += part(kName, "");
  EXPECT_EQ(read(many + "--b--"), "fault: there are too many parts");
}

TEST(Multipart, FindsItsBoundary) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\""), "a b");
  for (const char* type :
       {"multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=a",
        "multipart/form-data; boundary=\"a ", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\\\"b\"", "multipart/mixed; boundary=a"}) {
    EXPECT_EQ(multipart_boundary(type), std::nullopt) << type;
  }
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')),
            std::nullopt);
}

}  // namespace
}  // namespace sockherd::http
