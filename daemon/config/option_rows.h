// What the rows of the option table are made with, and its parts. Private to options.cc, which
// joins the parts, and to these; everybody else reads options.h.
#pragma once

#include <span>

#include "daemon/config/options.h"

namespace sockherd::config {

template <typename Struct, typename Member>
Struct struct_of(Member Struct::*);

// Binds a row to its member: at<&Pool::start_timeout>.
template <auto kMember>
Field at(const Object& object) {
  using Struct = decltype(struct_of(kMember));
  return &((*std::get_if<Struct*>(&object))->*kMember);
}

template <auto kMember>
Field limit(const Object& object) {
  return &((*std::get_if<Pool*>(&object))->limits.*kMember);
}

inline constexpr int64_t kSecond = 1000;
inline constexpr int64_t kHour = 3600 * kSecond;
inline constexpr int64_t kDay = 24 * kHour;
inline constexpr int64_t kKiB = 1024;
inline constexpr int64_t kMiB = 1024 * kKiB;
inline constexpr int64_t kGiB = 1024 * kMiB;

// --- The parts, in the order of the manual.

// [daemon] and [listener.NAME]; what the engine answers; [admin].
std::span<const Option> service_rows();
std::span<const Option> route_rows();
std::span<const Option> admin_rows();

// [pool.NAME]: what it is, start, end and crash; work in the built-in engine; reload, restart and
// age; files, access log and rooms; limits of the built-in engine, WebSockets among them.
std::span<const Option> pool_rows();
std::span<const Option> work_rows();
std::span<const Option> rollout_rows();
std::span<const Option> site_rows();
std::span<const Option> limit_rows();

// [pool.NAME]: what is for programs that are not ours, and for the proxy in front of them.
std::span<const Option> command_rows();

}  // namespace sockherd::config
