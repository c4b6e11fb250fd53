#include "daemon/worker/acceptors.h"

#include <utility>

namespace sockherd::worker {

Result<void> Acceptors::add(Place place, UniqueFd listener) {
  serving_.push_back(TRY(Acceptor::create(service_, std::move(place), std::move(listener))));
  return {};
}

Result<void> Acceptors::take(const Place& place, UniqueFd listener) {
  auto acceptor = TRY(Acceptor::create(service_, place, std::move(listener)));
  drop(place);
  serving_.push_back(std::move(acceptor));
  return {};
}

void Acceptors::drop(const Place& place) {
  std::erase_if(serving_, [&place](const auto& acceptor) { return acceptor->place() == place; });
}

Result<void> Acceptors::empty(Place place, UniqueFd listener,
                              std::function<void(const Place&)> on_emptied) {
  auto on_end = [this, tell = std::move(on_emptied)](Acceptor& acceptor) {
    const Place emptied = acceptor.place();
    std::erase_if(emptying_, [&acceptor](const auto& each) { return each.get() == &acceptor; });
    tell(emptied);
  };
  emptying_.push_back(
      TRY(Acceptor::create(service_, std::move(place), std::move(listener), std::move(on_end))));
  return {};
}

void Acceptors::publish_loads() {
  for (const auto* each : {&serving_, &emptying_}) {
    for (const auto& acceptor : *each) acceptor->publish_load();
  }
}

void Acceptors::finish() {
  for (const auto* each : {&serving_, &emptying_}) {
    for (const auto& acceptor : *each) acceptor->finish();
  }
  serving_.clear();
  emptying_.clear();
}

}  // namespace sockherd::worker
