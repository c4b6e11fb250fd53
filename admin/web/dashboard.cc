#include "admin/web/dashboard.h"

#include <cstdint>

#include "admin/web/dashboard_page.h"  // made from dashboard.html by admin/CMakeLists.txt

namespace sockherd::web {
namespace {

uint32_t digit(char c) {
  return static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

// CMake hashes to hexadecimal, a policy wants base64: three octets to four characters.
std::string base64_of_hex(std::string_view hex) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string base64;
  for (; !hex.empty(); hex.remove_prefix(hex.size() < 6 ? hex.size() : 6)) {
    const std::string_view octets = hex.substr(0, 6);
    uint32_t bits = 0;
    for (size_t i = 0; i < 6; ++i) bits = bits << 4 | (i < octets.size() ? digit(octets[i]) : 0);
    for (size_t i = 0; i < 4; ++i)
      base64 += i <= octets.size() / 2 ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
  }
  return base64;
}

}  // namespace

std::string_view dashboard() {
  return kDashboardPage;
}

std::string dashboard_policy() {
  return "default-src 'none'; script-src 'sha256-" + base64_of_hex(kScriptHash) +
         "'; style-src 'sha256-" + base64_of_hex(kStyleHash) +
         "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

}  // namespace sockherd::web
