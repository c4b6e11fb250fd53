// Text from outside (a worker's STATUS=, a file name, a fault that quotes a file) made fit for
// D-Bus, the journal and a terminal: D-Bus strings must be valid UTF-8, or the whole reply is lost.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sockherd::supervisor {

// `text` with "?" for every byte that is not valid UTF-8 and for control characters, cut at a
// character after at most `max_bytes`.
std::string plain_text(std::string_view text, size_t max_bytes);

}  // namespace sockherd::supervisor
