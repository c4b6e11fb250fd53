#include "daemon/rooms/parcel.h"

#include <type_traits>

namespace sockherd::rooms {
namespace {

constexpr std::string_view kMagic = "SH\x01";  // with the version

template <typename Number>
void put(char*& to, Number number) {
  auto bits = static_cast<std::make_unsigned_t<Number>>(number);
  for (size_t i = 0; i < sizeof bits; ++i) {
    *to++ = static_cast<char>(bits & 0xff);
    bits = static_cast<decltype(bits)>(static_cast<uint64_t>(bits) >> 8);
  }
}

template <typename Number>
Number get(const char*& from) {
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    bits |= uint64_t{static_cast<unsigned char>(*from++)} << (8 * i);
  }
  return static_cast<Number>(bits);
}

}  // namespace

std::array<char, kParcelHeadBytes> encode(const ParcelHead& head) {
  std::array<char, kParcelHeadBytes> bytes{};
  char* to = bytes.data();
  for (const char c : kMagic) *to++ = c;
  *to++ = static_cast<char>(head.type);
  for (const uint64_t half : head.instance) put(to, half);
  put(to, head.sender);
  put(to, head.epoch);
  put(to, head.number);
  put(to, head.begun_us);
  put(to, head.sent_us);
  return bytes;
}

std::optional<Parcel> parse_parcel(std::string_view bytes) {
  if (bytes.size() < kParcelHeadBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const char* from = bytes.data() + kMagic.size();
  const auto type = get<uint8_t>(from);
  if (type > static_cast<uint8_t>(ParcelType::Ask)) return std::nullopt;
  Parcel parcel;
  parcel.head.type = static_cast<ParcelType>(type);
  for (uint64_t& half : parcel.head.instance) half = get<uint64_t>(from);
  parcel.head.sender = get<uint64_t>(from);
  parcel.head.epoch = get<uint32_t>(from);
  parcel.head.number = get<uint64_t>(from);
  parcel.head.begun_us = get<int64_t>(from);
  parcel.head.sent_us = get<int64_t>(from);
  parcel.payload = bytes.substr(kParcelHeadBytes);
  return parcel;
}

}  // namespace sockherd::rooms
