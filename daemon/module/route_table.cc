#include "daemon/module/route_table.h"

#include <cstring>
#include <utility>

namespace sockherd::module {
namespace {

constexpr size_t kFirstSlots = 16;
constexpr std::array<std::string_view, kMethods> kNames = {"GET",    "HEAD",  "POST",   "PUT",
                                                           "DELETE", "PATCH", "OPTIONS"};

constexpr uint32_t bit(app::Method method) {
  return uint32_t{1} << static_cast<unsigned>(method);
}

uint32_t methods_of(const Endpoint& endpoint) {
  uint32_t bits = 0;
  for (size_t i = 0; i < kMethods; ++i) {
    if (endpoint.routes[i] != nullptr) bits |= uint32_t{1} << i;
  }
  return bits;
}

}  // namespace

struct RouteTable::Node {
  struct Child {
    std::string segment;
    std::unique_ptr<Node> node;
  };
  std::vector<Child> children;  // plain segments
  std::unique_ptr<Node> parameter;
  Endpoint here;  // where the path ends
  Endpoint rest;  // "*"
};

RouteTable::RouteTable() : slots_(kFirstSlots), root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;

// Of the length, the first and the last eight bytes: paths of one application differ there, and
// where they do not, comparing finds out.
uint64_t RouteTable::hash_of(std::string_view path) {
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
  uint64_t first = 0;
  uint64_t last = 0;
  if (path.size() >= 8) {
    std::memcpy(&first, path.data(), 8);
    std::memcpy(&last, path.data() + path.size() - 8, 8);
  } else {
    std::memcpy(&first, path.data(), path.size());
  }
  uint64_t hash = (first ^ (path.size() << 56)) * kMix;
  hash = (hash ^ (hash >> 29) ^ last) * kMix;
  return hash ^ (hash >> 32);
}

const Endpoint* RouteTable::find_exact(std::string_view path) const {
  const uint64_t hash = hash_of(path);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask; slots_[i].path != nullptr; i = (i + 1) & mask) {
    if (slots_[i].hash == hash && *slots_[i].path == path) return slots_[i].endpoint;
  }
  return nullptr;
}

Endpoint* RouteTable::add_exact(std::string_view path) {
  for (const auto& each : exact_) {
    if (each->path == path) return &each->endpoint;
  }
  exact_.push_back(std::make_unique<Exact>(Exact{std::string(path), {}}));
  rehash();
  return &exact_.back()->endpoint;
}

void RouteTable::rehash() {
  size_t size = kFirstSlots;
  while (size < exact_.size() * 2) size *= 2;
  slots_.assign(size, {});
  for (const auto& each : exact_) {
    const uint64_t hash = hash_of(each->path);
    size_t i = hash & (size - 1);
    while (slots_[i].path != nullptr) i = (i + 1) & (size - 1);
    slots_[i] = {hash, &each->path, &each->endpoint};
  }
}

Result<Endpoint*> RouteTable::add(std::string_view text) {
  const Pattern pattern = TRY(Pattern::parse(text));
  if (pattern.is_plain()) return add_exact(pattern.text);
  Node* node = root_.get();
  for (const Segment& each : pattern.segments) {
    if (each.kind == Segment::Kind::Rest) return &node->rest;
    std::unique_ptr<Node>* next = &node->parameter;
    if (each.kind == Segment::Kind::Plain) {
      Node::Child* child = nullptr;
      for (Node::Child& one : node->children) {
        if (one.segment == each.text) child = &one;
      }
      if (child == nullptr) child = &node->children.emplace_back(Node::Child{each.text, nullptr});
      next = &child->node;
    }
    if (*next == nullptr) *next = std::make_unique<Node>();
    node = next->get();
  }
  return &node->here;
}

// Calls accept(endpoint) for each that fits, the most exact first, until it says true.
template <typename Accept>
bool RouteTable::walk(const Node& node, std::string_view path, Values& values,
                      const Accept& accept) {
  if (path.empty()) {
    if (accept(node.here)) return true;
    values.values[values.count++] = path;
    if (accept(node.rest)) return true;
    --values.count;
    return false;
  }
  std::string_view rest = path;
  const std::string_view segment = take_segment(rest);
  for (const Node::Child& child : node.children) {
    if (child.segment == segment && walk(*child.node, rest, values, accept)) return true;
  }
  if (node.parameter != nullptr && !segment.empty()) {
    values.values[values.count++] = segment;
    if (walk(*node.parameter, rest, values, accept)) return true;
    --values.count;
  }
  values.values[values.count++] = path.substr(1);
  if (accept(node.rest)) return true;
  --values.count;
  return false;
}

RouteTable::Found RouteTable::search(std::string_view path, const Endpoint* exact,
                                     app::Method method, Values& values) const {
  Found found;
  const auto accept = [&](const Endpoint& endpoint) {
    if (endpoint.route(method) != nullptr) {
      found.endpoint = &endpoint;
      return true;
    }
    found.methods |= methods_of(endpoint);
    found.has_path |= methods_of(endpoint) != 0 || endpoint.web_socket != nullptr;
    return false;
  };
  if (exact != nullptr && accept(*exact)) return found;
  values.count = 0;
  walk(*root_, path, values, accept);
  return found;
}

const Endpoint* RouteTable::find_web_socket(std::string_view path, Values& values) const {
  const Endpoint* found = nullptr;
  const auto accept = [&found](const Endpoint& endpoint) {
    if (endpoint.web_socket != nullptr) found = &endpoint;
    return found != nullptr;
  };
  const Endpoint* exact = find_exact(path);
  values.count = 0;
  if (exact != nullptr && accept(*exact)) return found;
  walk(*root_, path, values, accept);
  return found;
}

std::string allow_of(uint32_t methods) {
  if ((methods & bit(app::Method::Get)) != 0) methods |= bit(app::Method::Head);
  methods |= bit(app::Method::Options);
  std::string text;
  for (size_t i = 0; i < kMethods; ++i) {
    if ((methods >> i & 1) == 0) continue;
    if (!text.empty()) text += ", ";
    text += kNames[i];
  }
  return text;
}

}  // namespace sockherd::module
