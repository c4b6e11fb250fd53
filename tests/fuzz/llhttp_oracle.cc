#include "tests/fuzz/llhttp_oracle.h"

#include <llhttp.h>

#include <string>

namespace {

Message& message_of(llhttp_t* parser) {
  return *static_cast<Message*>(parser->data);
}

int on_url(llhttp_t* parser, const char* at, size_t size) {
  message_of(parser).target.append(at, size);
  return 0;
}

int on_status(llhttp_t* parser, const char* at, size_t size) {
  message_of(parser).target.append(at, size);
  return 0;
}

// A name begins the next field, unless the one before is still without its value: spans come in
// pieces. Behind the content come trailers, which are not compared.
int on_field(llhttp_t* parser, const char* at, size_t size) {
  Message& message = message_of(parser);
  if (message.verdict == Verdict::Taken) return 0;
  message.fields.back().first.append(at, size);
  return 0;
}

int on_value(llhttp_t* parser, const char* at, size_t size) {
  Message& message = message_of(parser);
  if (message.verdict == Verdict::Taken) return 0;
  message.fields.back().second.append(at, size);
  return 0;
}

int on_value_complete(llhttp_t* parser) {
  Message& message = message_of(parser);
  if (message.verdict != Verdict::Taken) message.fields.emplace_back();
  return 0;
}

// Taken, from here on, means: the head is whole.
int on_headers_complete(llhttp_t* parser) {
  Message& message = message_of(parser);
  message.fields.pop_back();
  message.verdict = Verdict::Taken;
  message.method = parser->type == HTTP_RESPONSE
                       ? std::to_string(parser->status_code)
                       : llhttp_method_name(static_cast<llhttp_method_t>(parser->method));
  message.minor_version = parser->http_minor;
  message.keep_alive = llhttp_should_keep_alive(parser) != 0;
  // That there is no content, whatever the fields say (9112 6.3), is for the caller to tell it.
  constexpr int kSkipContent = 1;
  const bool is_empty = parser->status_code == 204 || parser->status_code == 304;
  return parser->type == HTTP_RESPONSE && is_empty ? kSkipContent : 0;
}

int on_body(llhttp_t* parser, const char* at, size_t size) {
  message_of(parser).content.append(at, size);
  return 0;
}

int on_message_complete(llhttp_t*) {
  return HPE_PAUSED;
}

llhttp_settings_t callbacks() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_field = on_field;
  settings.on_header_value = on_value;
  settings.on_header_value_complete = on_value_complete;
  settings.on_headers_complete = on_headers_complete;
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;
  return settings;
}

Message begin_message() {
  Message message;
  message.fields.emplace_back();
  return message;
}

// What has come of it; HPE_OK means that the bytes are not the whole message.
void end_message(llhttp_t& parser, llhttp_errno_t error, std::string_view bytes, Message& message) {
  if (error == HPE_PAUSED) {
    message.consumed = static_cast<size_t>(llhttp_get_error_pos(&parser) - bytes.data());
  } else if (error == HPE_OK) {
    message.verdict = Verdict::WantsMore;
  } else {
    message.verdict = Verdict::Refused;
    message.reason = llhttp_get_error_reason(&parser);
  }
}

}  // namespace

Message parse_by_llhttp(std::string_view bytes) {
  llhttp_settings_t settings = callbacks();
  settings.on_url = on_url;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  Message message = begin_message();
  parser.data = &message;
  end_message(parser, llhttp_execute(&parser, bytes.data(), bytes.size()), bytes, message);
  return message;
}

Message parse_response_by_llhttp(std::string_view bytes) {
  llhttp_settings_t settings = callbacks();
  settings.on_status = on_status;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_RESPONSE, &settings);
  Message message = begin_message();
  parser.data = &message;
  const llhttp_errno_t error = llhttp_execute(&parser, bytes.data(), bytes.size());
  const bool ends = error == HPE_OK && message.verdict == Verdict::Taken &&
                    llhttp_message_needs_eof(&parser) != 0;
  if (ends) {
    message.consumed = bytes.size();
  } else {
    end_message(parser, error, bytes, message);
  }
  return message;
}
