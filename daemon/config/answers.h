// What users may say about answers: fields, error pages, where a redirect goes. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sockherd::config {

// What is wrong with a field that is to be added to answers; empty if nothing is. A name is a token
// (RFC 9110 section 5.6.2) and none of those that the engine needs for itself; a value is one line.
std::string header_fault(std::string_view name, std::string_view value);

// What is wrong with the page of an error.
std::string error_page_fault(std::string_view status, std::string_view path);

// What is wrong with the target of a redirect.
std::string redirect_fault(std::string_view target);

}  // namespace sockherd::config
