#include "daemon/supervisor/authority.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/supervisor/plain_text.h"

namespace sockherd::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr char kBusDriver[] = "org.freedesktop.DBus";
constexpr char kPolkit[] = "org.freedesktop.PolicyKit1";
constexpr size_t kMostQuestions = 256;
constexpr size_t kMostAtPolkit = 32;        // with people in front of passwords
constexpr size_t kMostAtPolkitPerUser = 4;  // so that one user does not take all places
constexpr size_t kMostNameBytes = 64;
constexpr auto kQuick = 10s;
constexpr auto kWithPeople = 5min;
constexpr auto kLogEvery = 1s;
constexpr uint32_t kAllowInteraction = 1;  // of CheckAuthorizationFlags

struct UnrefSlot {
  void operator()(sd_bus_slot* slot) const { ::sd_bus_slot_unref(slot); }
};

uint64_t microseconds(std::chrono::microseconds time) {
  return static_cast<uint64_t>(time.count());
}

Message new_call(sd_bus* bus, const char* service, const char* path, const char* interface,
                 const char* member) {
  sd_bus_message* raw = nullptr;
  if (::sd_bus_message_new_method_call(bus, &raw, service, path, interface, member) < 0) {
    return nullptr;
  }
  return Message(raw);
}

int append_details(sd_bus_message* message, const Wish& wish) {
  int r = ::sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "{ss}");
  for (const auto& [key, value] : wish.details) {
    if (r >= 0) r = ::sd_bus_message_append(message, "{ss}", key.c_str(), value.c_str());
  }
  return r < 0 ? r : ::sd_bus_message_close_container(message);
}

}  // namespace

struct Authority::Question {
  Authority* authority;
  Message call;
  Wish wish;
  Deed deed;
  uid_t user = static_cast<uid_t>(-1);
  bool is_at_polkit = false;
  std::unique_ptr<sd_bus_slot, UnrefSlot> slot = nullptr;  // ends with us: then nobody calls back

  std::string sender() const { return ::sd_bus_message_get_sender(call.get()); }
  bool may_interact() const {
    return ::sd_bus_message_get_allow_interactive_authorization(call.get()) > 0;
  }
  std::string asker() const {
    return "uid " + std::to_string(user) + " over the system bus (" +
           plain_text(wish.by, kMostNameBytes) + ")";
  }
};

Refusal judge(const Verdict& verdict, const char* action) {
  if (!verdict.error.empty()) {
    return {SD_BUS_ERROR_ACCESS_DENIED,
            "only root and the user of the service may do this, because polkit does not answer: " +
                verdict.error};
  }
  if (verdict.is_authorized) return {};
  if (verdict.is_challenge) {
    return {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
            std::string("polkit wants a password for the action ") + action +
                "; allow that it asks (busctl --allow-interactive-authorization=yes)"};
  }
  return {SD_BUS_ERROR_ACCESS_DENIED,
          std::string("polkit does not allow you the action ") + action};
}

bool is_trusted(uid_t caller, uid_t own) {
  return caller == 0 || caller == own;
}

Authority::Authority(sd_bus* bus, Supervisor& supervisor) : bus_(bus), supervisor_(supervisor) {}

Authority::~Authority() = default;

int Authority::ask(sd_bus_message* call, Wish wish, Deed deed) {
  if (questions_.size() >= kMostQuestions) {
    return ::sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "too many are being asked about; try again");
  }
  if (::sd_bus_message_get_sender(call) == nullptr) return -EACCES;
  auto question = std::make_unique<Question>(Question{.authority = this,
                                                      .call = Message(::sd_bus_message_ref(call)),
                                                      .wish = std::move(wish),
                                                      .deed = std::move(deed)});
  const Message query = new_call(bus_, kBusDriver, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                 "GetConnectionUnixUser");
  if (!query) return -ENOMEM;
  int r = ::sd_bus_message_append(query.get(), "s", question->sender().c_str());
  sd_bus_slot* slot = nullptr;
  if (r >= 0) {
    r = ::sd_bus_call_async(bus_, &slot, query.get(), on_user, question.get(),
                            microseconds(kQuick));
  }
  if (r < 0) return r;
  question->slot.reset(slot);
  questions_.push_back(std::move(question));
  return 1;
}

int Authority::on_user(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
  Question& question = *static_cast<Question*>(userdata);
  Authority& self = *question.authority;
  uint32_t user = 0;
  if (::sd_bus_message_is_method_error(reply, nullptr) > 0 ||
      ::sd_bus_message_read(reply, "u", &user) < 0) {
    self.refuse(question, {SD_BUS_ERROR_ACCESS_DENIED, "the bus does not say who you are"});
    return 0;
  }
  question.user = user;
  if (is_trusted(user, ::getuid())) {
    self.allow(question);
  } else if (self.has_asked_too_much(question)) {
    self.refuse(question,
                {SD_BUS_ERROR_LIMITS_EXCEEDED, "too many are being asked for a password"});
  } else if (self.ask_polkit(question) < 0) {
    self.refuse(question, {SD_BUS_ERROR_ACCESS_DENIED, "polkit cannot be asked"});
  }
  return 0;
}

bool Authority::has_asked_too_much(const Question& question) const {
  const auto is_asked = [](const auto& other) { return other->is_at_polkit; };
  const auto is_same = [&](const auto& other) {
    return other->is_at_polkit && other->user == question.user;
  };
  const auto all = std::count_if(questions_.begin(), questions_.end(), is_asked);
  const auto same = std::count_if(questions_.begin(), questions_.end(), is_same);
  return static_cast<size_t>(all) >= kMostAtPolkit ||
         static_cast<size_t>(same) >= kMostAtPolkitPerUser;
}

int Authority::ask_polkit(Question& question) {
  const Message query = new_call(bus_, kPolkit, "/org/freedesktop/PolicyKit1/Authority",
                                 "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
  if (!query) return -ENOMEM;
  sd_bus_message* message = query.get();
  int r = ::sd_bus_message_append(message, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  question.sender().c_str(), question.wish.action);
  if (r >= 0) r = append_details(message, question.wish);
  const bool may_interact = question.may_interact();
  if (r >= 0) r = ::sd_bus_message_append(message, "us", may_interact ? kAllowInteraction : 0U, "");
  sd_bus_slot* slot = nullptr;
  if (r >= 0) {
    r = ::sd_bus_call_async(bus_, &slot, message, on_verdict, &question,
                            may_interact ? microseconds(kWithPeople) : microseconds(kQuick));
  }
  if (r < 0) return r;
  question.slot.reset(slot);
  question.is_at_polkit = true;
  return r;
}

int Authority::on_verdict(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
  Question& question = *static_cast<Question*>(userdata);
  Authority& self = *question.authority;
  Verdict verdict;
  int is_authorized = 0;
  int is_challenge = 0;
  if (const sd_bus_error* error = ::sd_bus_message_get_error(reply)) {
    verdict.error = error->name;
  } else if (::sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "bba{ss}") < 0 ||
             ::sd_bus_message_read(reply, "bb", &is_authorized, &is_challenge) < 0) {
    verdict.error = "an answer that makes no sense";
  }
  verdict.is_authorized = is_authorized > 0;
  verdict.is_challenge = is_challenge > 0;
  const Refusal refusal = judge(verdict, question.wish.action);
  if (*refusal.name == '\0') {
    self.allow(question);
  } else {
    self.refuse(question, refusal);
  }
  return 0;
}

void Authority::allow(Question& question) {
  const int done = question.deed(supervisor_, question.asker());
  if (done < 0) ::sd_bus_reply_method_errno(question.call.get(), done, nullptr);
  forget(question);
}

void Authority::refuse(Question& question, const Refusal& refusal) {
  log_refusal(question, refusal);
  ::sd_bus_reply_method_errorf(question.call.get(), refusal.name, "%s", refusal.why.c_str());
  forget(question);
}

void Authority::forget(const Question& question) {
  std::erase_if(questions_, [&question](const auto& q) { return q.get() == &question; });
}

// Anybody may ask for nothing as often as he likes; the log is not for him to fill.
void Authority::log_refusal(const Question& question, const Refusal& refusal) {
  const Instant now = monotonic_now();
  if (last_logged_ && now - *last_logged_ < kLogEvery) {
    ++not_logged_;
    return;
  }
  last_logged_ = now;
  log::notice("change-refused", {{"what", plain_text(question.wish.what, kMostNameBytes)},
                                 {"by", question.asker()},
                                 {"why", refusal.why},
                                 {"further", std::exchange(not_logged_, 0)}});
}

}  // namespace sockherd::supervisor
