#include "daemon/config/commands.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include "daemon/config/address.h"
#include "daemon/config/option_text.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

constexpr std::string_view kPoolPrefix = "pool:";
constexpr std::string_view kAddresses = "at-";
constexpr size_t kDigits = 16;

// FNV-1a: the same in every version, because a successor finds what was kept by it.
uint64_t hash(std::string_view text, uint64_t value) {
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return value;
}

}  // namespace

Handover handover_of(const Pool& pool) {
  if (pool.handover == "reuse-port") return Handover::ReusePort;
  return pool.handover == "private-port" ? Handover::PrivatePort : Handover::ListenFds;
}

std::string path_variable(const Pool& pool) {
  constexpr std::string_view kPath = "PATH=";
  std::string path;
  for (const std::string& entry : pool.environment) {
    if (entry.starts_with(kPath)) path = entry.substr(kPath.size());
  }
  return path;
}

ReadyRule ready_rule(const Pool& pool) {
  ReadyRule rule;
  for (const NamedText& entry : pool.ready) {
    if (entry.name == "notify") rule.kind = ReadyRule::Kind::Notify;
    if (entry.name == "connect") rule.kind = ReadyRule::Kind::Connect;
    if (entry.name == "http") {
      rule.kind = ReadyRule::Kind::Http;
      rule.path = entry.value;
    }
    if (entry.name == "alive") {
      rule.kind = ReadyRule::Kind::Alive;
      rule.time = parse_duration(entry.value).value_or(rule.time);
    }
  }
  return rule;
}

std::string ready_fault(std::string_view key, std::string_view value) {
  if (key == "notify" || key == "connect") {
    return value == "true" ? "" : "write " + std::string(key) + " = true, or leave it out";
  }
  if (key == "http") {
    const bool is_path = value.starts_with('/') && value.find_first_of(" \r\n#") == value.npos;
    return is_path ? "" : quote(value) + " is no path; write http = \"/healthz\"";
  }
  if (key == "alive") {
    const auto time = parse_duration(value);
    const bool is_fit = time && time->count() > 0 && *time <= std::chrono::hours(1);
    return is_fit ? "" : quote(value) + " is no duration from 1ms to 1h; write alive = \"1s\"";
  }
  return "is unknown; write one of http = \"/PATH\", connect = true, alive = \"1s\", notify = true";
}

std::string upstream_fault(std::string_view text) {
  if (const auto pool = upstream_pool(text)) {
    return pool->empty() ? "has no name of a pool; write \"pool:NAME\"" : "";
  }
  const Result<std::string> address = canonical_address(text);
  return address.ok() ? ""
                      : quote(text) + ": " + address.error().what +
                            ", or \"pool:NAME\" for a pool of this file";
}

std::optional<std::string_view> upstream_pool(std::string_view target) {
  if (!target.starts_with(kPoolPrefix)) return std::nullopt;
  return target.substr(kPoolPrefix.size());
}

int signal_number(std::string_view name) {
  constexpr std::pair<std::string_view, int> kSignals[] = {
      {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT},    {"SIGQUIT", SIGQUIT}, {"SIGHUP", SIGHUP},
      {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2},  {"SIGABRT", SIGABRT}, {"SIGSEGV", SIGSEGV},
      {"SIGKILL", SIGKILL}, {"SIGWINCH", SIGWINCH}};
  for (const auto& [known, number] : kSignals) {
    if (known == name) return number;
  }
  return 0;
}

std::string upstream_key(const Route& route) {
  if (route.proxy.empty()) return "";
  if (const auto pool = upstream_pool(route.proxy.front())) return std::string(*pool);
  uint64_t value = 0xcbf29ce484222325;
  for (const std::string& address : route.proxy) {
    const Result<std::string> canonical = canonical_address(address);
    value = hash(canonical.ok() ? canonical.value() : address, hash(";", value));
  }
  char name[sizeof "at-" + kDigits];
  std::snprintf(name, sizeof name, "at-%016llx", static_cast<unsigned long long>(value));
  return name;
}

bool is_key_of_addresses(std::string_view key) {
  return key.starts_with(kAddresses) && key.size() == kAddresses.size() + kDigits &&
         key.find_first_not_of("0123456789abcdef", kAddresses.size()) == key.npos;
}

}  // namespace sockherd::config
