// HttpError: what a handler throws to answer with a status. The text is sent to the client; every
// other exception is a 500 whose text goes to the log only.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace sockherd::app {

class HttpError : public std::exception {
 public:
  explicit HttpError(int status, std::string text = "") : status_(status), text_(std::move(text)) {}

  int status() const noexcept { return status_; }
  const std::string& text() const noexcept { return text_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  int status_;
  std::string text_;
};

}  // namespace sockherd::app
