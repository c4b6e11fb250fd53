#include "daemon/module/call.h"

#include "daemon/module/application.h"

namespace sockherd::module {

// Nobody can answer any more.
Call::~Call() {
  if (wire_ != nullptr && wire_->exchange != nullptr) {
    application_.answer_forgotten(wire_, std::string(route()));
  }
}

void Call::reset_all() {
  is_dirty_ = is_blocking_ = is_kept_ = is_sent_ = closes_ = false;
  status_ = 200;
  values_.count = 0;
  wire_.reset();
  lazy_.reset();
  fields_.clear();
  body_in_ = {};
  clear_content();
}

void Call::clear_content() {
  content_ = Content::None;
  body_.clear();
  source_.reset();
  file_ = {};
}

// One piece of memory for all of it; the views move there.
void Call::own() {
  if (head_ == nullptr) return;
  const http::RequestHead& head = *head_;
  size_t bytes = target_.size() + path_.size();
  for (const http::Field& field : head.fields()) bytes += field.name.size() + field.value.size();
  copy_.clear();
  copy_.reserve(bytes);
  const auto copy = [this](std::string_view text) {
    const size_t begin = copy_.size();
    copy_ += text;
    return std::string_view(copy_).substr(begin, text.size());
  };
  std::vector<app::Header>& headers = lazy().headers;
  headers.clear();
  const std::string_view path = copy(path_);
  for (size_t i = 0; i < values_.count; ++i) {
    std::string_view& value = values_.values[i];
    value = value.empty()
                ? std::string_view()
                : path.substr(static_cast<size_t>(value.data() - path_.data()), value.size());
  }
  path_ = path;
  const std::string_view target = copy(target_);
  query_ = query_.empty()
               ? std::string_view()
               : target.substr(static_cast<size_t>(query_.data() - target_.data()), query_.size());
  target_ = target;
  for (const http::Field& field : head.fields()) {
    const std::string_view name = copy(field.name);
    headers.push_back({name, copy(field.value)});
  }
  head_ = nullptr;
}

Call::Lazy& Call::lazy() const {
  is_dirty_ = true;
  if (lazy_ == nullptr) lazy_ = std::make_unique<Lazy>();
  return *lazy_;
}

void Call::set_blocking() {
  client();
  exchange_ = nullptr;
  is_blocking_ = true;
}

}  // namespace sockherd::module
