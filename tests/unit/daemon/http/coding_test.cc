#include "daemon/http/coding.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/entity_tag.h"

namespace sockherd::http {
namespace {

constexpr Coding kAll[] = {Coding::Brotli, Coding::Gzip, Coding::Identity};

std::unique_ptr<RequestHead> head_with(const std::vector<std::string_view>& lines) {
  auto head = std::make_unique<RequestHead>();
  for (const std::string_view line : lines) {
    head->storage[head->field_count++] = {"Accept-Encoding", line};
  }
  return head;
}

std::string best(const std::vector<std::string_view>& lines, std::span<const Coding> offer = kAll) {
  const auto head = head_with(lines);
  const auto coding = AcceptedCodings(*head).best(offer);
  return coding ? std::string(coding_name(*coding)) : "none";
}

TEST(Coding, IsTheOneTheClientPrefers) {
  const struct {
    const char* field;
    const char* best;
  } cases[] = {
      {"gzip", "gzip"},
      {"br", "br"},
      {"gzip, br", "br"},  // the client does not care: ours is the first of the offer
      {"gzip, deflate, br, zstd", "br"},
      {"GZIP", "gzip"},
      {"x-gzip", "gzip"},
      {"gzip;q=1.0, br;q=0.9", "gzip"},
      {"gzip;q=0.001", "gzip"},  // listed is better than what is only not excluded
      {"gzip;q=0.5, identity;q=0.6", "identity"},
      {"gzip;q=0.5, identity;q=0.5", "gzip"},
      {"identity", "identity"},
      {"deflate, zstd", "identity"},
      {"*", "br"},
      {"br;q=0, *", "gzip"},
      {"gzip;q=0.5, *;q=0.4", "gzip"},
      {"gzip;q=0.4, *;q=0.5", "br"},
      {"identity, *;q=0.5", "identity"},
      {"br;q=0", "identity"},
      {"gzip \t;\t q=0.8 ,br ; q=0.7", "gzip"},
      {"gzip;Q=1, br;q=0.9", "gzip"},
      {",, gzip,,", "gzip"},
      {"gzip;q=0, gzip", "identity"},  // refused once is refused
  };
  for (const auto& row : cases) EXPECT_EQ(best({row.field}), row.best) << row.field;
}

TEST(Coding, IsIdentityUnlessThatIsRefused) {
  EXPECT_EQ(best({}), "identity");
  EXPECT_EQ(best({""}), "identity");
  EXPECT_EQ(best({"gzip;q=0, br;q=0.000"}), "identity");
  EXPECT_EQ(best({"identity;q=0"}), "none");
  EXPECT_EQ(best({"*;q=0"}), "none");
  EXPECT_EQ(best({"identity;q=0, gzip;q=0.1"}), "gzip");
  EXPECT_EQ(best({"*;q=0, identity;q=0.1"}), "identity");
  EXPECT_EQ(best({"*;q=0, br"}), "br");
}

TEST(Coding, IsOneOfThoseOnOffer) {
  const Coding plain[] = {Coding::Identity};
  EXPECT_EQ(best({"br, gzip"}, plain), "identity");
  EXPECT_EQ(best({"br, gzip, identity;q=0"}, plain), "none");
  const Coding packed[] = {Coding::Gzip};
  EXPECT_EQ(best({}, packed), "gzip");  // without the field, all are acceptable
  EXPECT_EQ(best({""}, packed), "none");
  EXPECT_EQ(best({"br"}, packed), "none");
  EXPECT_EQ(best({"br"}, {}), "none");
  const Coding gzip_first[] = {Coding::Gzip, Coding::Brotli, Coding::Identity};
  EXPECT_EQ(best({"br, gzip"}, gzip_first), "gzip");
}

TEST(Coding, IsReadOverAllLines) {
  EXPECT_EQ(best({"gzip", "br"}), "br");
  EXPECT_EQ(best({"", "gzip"}), "gzip");
  EXPECT_EQ(best({"gzip;q=0.5", "identity"}), "identity");
}

TEST(Coding, OfAMalformedElementIsNone) {
  for (const std::string_view bad :
       {"gzip;q=", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=-1", "gzip;q=.5", "gzip;q",
        "gzip;", "gzip;level=1", "gzip;q=1;x=y", "gzip;q = 1", "gzip;q=1 x", "gzip x", "\"gzip\"",
        "gzip;q=01", "gzip;q=0,5"}) {
    EXPECT_EQ(best({bad}), "identity") << bad;
    EXPECT_EQ(best({std::string("br;q=0.1, ") + std::string(bad)}), "br") << bad;
  }
  EXPECT_EQ(best({"gzip;q=1."}), "gzip");
  EXPECT_EQ(best({"gzip;q=0."}), "identity");
}

TEST(Coding, SaysWhatIsRefused) {
  const auto head = head_with({"gzip;q=0"});
  EXPECT_TRUE(AcceptedCodings(*head).refuses(Coding::Gzip));
  EXPECT_FALSE(AcceptedCodings(*head).refuses(Coding::Identity));
}

TEST(EntityTag, DiffersByInodeSizeTimeAndCoding) {
  EXPECT_EQ(EntityTag(1, 16, 255).view(), "\"1-10-ff\"");
  EXPECT_EQ(EntityTag(1, 16, 255, Coding::Gzip).view(), "\"1-10-ff-gzip\"");
  EXPECT_EQ(EntityTag(1, 16, 255, Coding::Brotli).view(), "\"1-10-ff-br\"");
  EXPECT_EQ(EntityTag(UINT64_MAX, UINT64_MAX, UINT64_MAX, Coding::Gzip).view().size(), 57U);
}

}  // namespace
}  // namespace sockherd::http
