// The grammar of chunk extensions, a byte at a time (RFC 9112 section 7.1.1):
//
//   chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
//
// What they say is ignored, as it MUST be where it is not known. That they are read by the letter
// is for the sake of where they end: whoever lets them hold a bare LF, or takes a quoted CRLF for a
// part of them, sees other chunks than the next hop.
#pragma once

#include <cstdint>

#include "daemon/http/characters.h"

namespace sockherd::http {

class ChunkExtension {
 public:
  // Begins anew with the byte behind the chunk size: a blank or ";".
  void begin(char byte) { state_ = byte == ';' ? State::NameStart : State::BeforeSemicolon; }

  // May the line end here?
  bool is_whole() const {
    return state_ == State::Name || state_ == State::Value || state_ == State::AfterQuotes;
  }

  // False when the byte can not stand here.
  bool take(char byte) {
    switch (state_) {
      case State::BeforeSemicolon:
        return is_blank(byte) || separates(byte);
      case State::NameStart:
        return is_blank(byte) || goes_on(State::Name, kTokenByte, byte);
      case State::Name:
        if (is_in(kTokenByte, byte)) return true;
        [[fallthrough]];
      case State::AfterName:
        return stays_blank(State::AfterName, byte) || separates(byte) || is_equals(byte);
      case State::ValueStart:
        if (byte == '"') return enter(State::Quoted);
        return is_blank(byte) || goes_on(State::Value, kTokenByte, byte);
      case State::Value:
        if (is_in(kTokenByte, byte)) return true;
        [[fallthrough]];
      case State::AfterQuotes:
        return stays_blank(State::BeforeSemicolon, byte) || separates(byte);
      case State::Quoted:
        if (byte == '"') return enter(State::AfterQuotes);
        if (byte == '\\') return enter(State::Escaped);
        return is_in(kFieldByte, byte);
      case State::Escaped:
        return goes_on(State::Quoted, kFieldByte, byte);
    }
    return false;
  }

 private:
  enum class State : uint8_t {
    BeforeSemicolon,  // blanks: only ";" may follow
    NameStart,
    Name,
    AfterName,  // blanks
    ValueStart,
    Value,
    Quoted,
    Escaped,  // behind a backslash
    AfterQuotes
  };

  bool enter(State state) {
    state_ = state;
    return true;
  }
  bool goes_on(State state, CharacterClass wanted, char byte) {
    return is_in(wanted, byte) && enter(state);
  }
  bool stays_blank(State state, char byte) { return is_blank(byte) && enter(state); }
  bool separates(char byte) { return byte == ';' && enter(State::NameStart); }
  bool is_equals(char byte) { return byte == '=' && enter(State::ValueStart); }

  State state_ = State::BeforeSemicolon;
};

}  // namespace sockherd::http
