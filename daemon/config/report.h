// Report: gathers the faults of one text and knows where each option stands.
//
// Paths are dotted, as in messages: "pool.web.routes[0].path". Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/fault.h"

namespace sockherd::config {

class Report {
 public:
  // file: what the text is called in messages.
  explicit Report(std::string_view file) : file_(file) {}

  // Remembers where `path` stands, for faults that are only found when everything has been read.
  void set_place(const std::string& path, const Place& place) { places_[path] = place; }

  // A fault of `path`, at its place or that of the nearest thing around it.
  void add(const std::string& path, std::string_view what);
  // The same at a place of its own.
  void add(const Place& place, const std::string& path, std::string_view what);

  // Whether `path` or anything below it has a fault already, so that one mistake is one message.
  bool has_fault(std::string_view path) const;

  // Something could not be read at all, so nobody can tell what is missing or left over.
  void set_incomplete() { is_incomplete_ = true; }
  bool is_incomplete() const { return is_incomplete_; }

  // All faults, in the order of the text; those from outside of it come last.
  std::vector<Fault> take();

 private:
  Place place_of(std::string_view path) const;

  std::string file_;
  std::map<std::string, Place, std::less<>> places_;
  std::vector<std::string> faulty_;
  std::vector<Fault> faults_;
  bool is_incomplete_ = false;
};

}  // namespace sockherd::config
