#include "daemon/http/conditional.h"

#include "daemon/http/characters.h"
#include "daemon/http/date.h"

namespace sockherd::http {
namespace {

// RFC 9110 section 8.8.3.2.
enum class Comparison : uint8_t { Strong, Weak };

bool is_weak(std::string_view tag) {
  return tag.starts_with("W/");
}

std::string_view opaque_of(std::string_view tag) {
  return is_weak(tag) ? tag.substr(2) : tag;
}

bool matches(std::string_view a, std::string_view b, Comparison comparison) {
  if (a.empty() || b.empty()) return false;
  if (comparison == Comparison::Strong && (is_weak(a) || is_weak(b))) return false;
  return opaque_of(a) == opaque_of(b);
}

// The entity-tag that begins the text; empty when none does. Commas may stand within a tag, so a
// list of them can not be cut at commas.
std::string_view front_tag(std::string_view text) {
  const size_t open = is_weak(text) ? 2 : 0;
  if (text.size() <= open || text[open] != '"') return {};
  const char* end = text.data() + text.size();
  const char* close = skip(kEntityTagByte, text.data() + open + 1, end);
  if (close == end || *close != '"') return {};
  return text.substr(0, static_cast<size_t>(close - text.data()) + 1);
}

// Does one line of a list hold the tag? What follows a malformed element is not believed.
bool line_holds(std::string_view list, std::string_view tag, Comparison comparison) {
  for (;;) {
    list = trim_blanks(list);
    if (list.empty()) return false;
    if (list.front() == ',') {  // empty elements MUST be tolerated, RFC 9110 section 5.6.1.2
      list.remove_prefix(1);
      continue;
    }
    const std::string_view candidate = front_tag(list);
    if (candidate.empty()) return false;
    list = trim_blanks(list.substr(candidate.size()));
    if (!list.empty() && list.front() != ',') return false;
    if (matches(candidate, tag, comparison)) return true;
  }
}

enum class Listed : uint8_t { NoField, No, Yes };

// If-Match or If-None-Match over all lines: is the representation among those listed?
Listed find_tag(const RequestHead& head, std::string_view name, const Validators& validators,
                Comparison comparison) {
  Listed listed = Listed::NoField;
  for (const Field& field : head.fields()) {
    if (!equals_ignore_case(field.name, name)) continue;
    const bool found = field.value == "*" ? validators.exists
                                          : line_holds(field.value, validators.etag, comparison);
    if (found) return Listed::Yes;
    listed = Listed::No;
  }
  return listed;
}

// A field that is no list, and of which there should be one.
struct Lone {
  size_t count = 0;
  std::string_view value{};
};

Lone find_lone(const RequestHead& head, std::string_view name) {
  Lone lone;
  for (const Field& field : head.fields()) {
    if (!equals_ignore_case(field.name, name)) continue;
    ++lone.count;
    lone.value = field.value;
  }
  return lone;
}

// RFC 9110 sections 13.1.3 and 13.1.4: what is no date is ignored, several of them are none either.
std::optional<int64_t> date_field(const RequestHead& head, std::string_view name, int64_t now) {
  const Lone field = find_lone(head, name);
  if (field.count != 1) return std::nullopt;
  return parse_date(field.value, now);
}

// RFC 9110 section 13.1.5. A tag must match strongly, a date exactly: then the parts the client has
// and the parts it asks for are of one representation. A date is a strong validator only when its
// second is over (section 8.8.2.2): until then the file may change once more and keep it. A client
// must not use one that it got within that second either.
bool if_range_holds(const RequestHead& head, const Validators& validators, int64_t now) {
  const Lone field = find_lone(head, "if-range");
  if (field.count == 0) return true;
  if (field.count > 1 || field.value.empty()) return false;
  if (front_tag(field.value).size() == field.value.size()) {
    return matches(field.value, validators.etag, Comparison::Strong);
  }
  const std::optional<int64_t> date = parse_date(field.value, now);
  return date && date == validators.last_modified && *date < now;
}

// Exactly one Range field; two of them are no list, so nobody knows what is meant.
bool asks_for_range(const RequestHead& head) {
  return find_lone(head, "range").count == 1;
}

// One look at the names, which is all that most requests cost here.
bool has_conditions_or_range(const RequestHead& head) {
  for (const Field& field : head.fields()) {
    if (equals_ignore_case(field.name.substr(0, 3), "if-")) return true;
    if (field.name.size() == 5 && token_equals(field.name, "range")) return true;
  }
  return false;
}

// RFC 9110 section 13.2.1: conditions MUST be ignored where the method selects and changes nothing.
bool selects_representation(Method method) {
  return method != Method::Connect && method != Method::Options && method != Method::Trace;
}

// RFC 9110 section 13.2.2, steps 1 and 2: a client that must not overwrite what it has not seen.
bool is_still_what_client_saw(const RequestHead& head, const Validators& validators, int64_t now) {
  const Listed listed = find_tag(head, "if-match", validators, Comparison::Strong);
  if (listed != Listed::NoField) return listed == Listed::Yes;
  // Section 13.1.4: ignored where it is no date or we have none.
  const auto date = date_field(head, "if-unmodified-since", now);
  if (!date || !validators.last_modified) return true;
  return *validators.last_modified <= *date;
}

// Steps 3 and 4: a client that only wants what it does not have.
bool is_news_to_client(const RequestHead& head, const Validators& validators, int64_t now,
                       bool reads) {
  const Listed listed = find_tag(head, "if-none-match", validators, Comparison::Weak);
  if (listed != Listed::NoField) return listed == Listed::No;
  // Section 13.1.3: for GET and HEAD only; ignored where it is no date or we have none.
  if (!reads) return true;
  const auto date = date_field(head, "if-modified-since", now);
  if (!date || !validators.last_modified) return true;
  return *validators.last_modified > *date;
}

}  // namespace

Evaluation evaluate_conditions(const RequestHead& head, const Validators& validators, int64_t now) {
  if (!has_conditions_or_range(head) || !selects_representation(head.method)) return {};
  const bool reads = head.method == Method::Get || head.method == Method::Head;
  if (!is_still_what_client_saw(head, validators, now)) {
    return {.condition = Condition::PreconditionFailed};
  }
  if (!is_news_to_client(head, validators, now, reads)) {
    return {.condition = reads ? Condition::NotModified : Condition::PreconditionFailed};
  }
  // Step 5; Range is defined for GET only (section 14.2).
  const bool asks = head.method == Method::Get && asks_for_range(head);
  return {.range_counts = asks && if_range_holds(head, validators, now)};
}

}  // namespace sockherd::http
