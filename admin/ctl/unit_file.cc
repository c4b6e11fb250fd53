#include "admin/ctl/unit_file.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "admin/ctl/exit_code.h"
#include "admin/ctl/text.h"
#include "daemon/base/parse.h"
#include "daemon/sys/address.h"

namespace sockherd::ctl {
namespace {

constexpr std::string_view kUnits = "/etc/systemd/system/";
constexpr size_t kLongestName = 64;

bool consists_of(const std::string& name, std::string_view more) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [more](unsigned char c) {
           return std::isalnum(c) != 0 || more.find(static_cast<char>(c)) != more.npos;
         });
}

// What the listener, and the socket unit of it, is bound to.
struct Place {
  std::string stream;  // of ListenStream=
  bool is_unix = false;
  bool is_specific = false;  // a host that may come and go
};

// A "%" begins a specifier in a unit (systemd.unit(5)).
Result<Place> unix_place(const std::string& path) {
  Place place{"", true};
  for (const char c : path) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0 ||
        std::iscntrl(static_cast<unsigned char>(c)) != 0) {
      return failure(Exit::Usage, "\"" + printable(path) +
                                      "\": a unit cannot name a path with blanks; take another");
    }
    place.stream += c == '%' ? "%%" : std::string(1, c);
  }
  return place;
}

Result<Place> place_of(const std::string& address) {
  const auto port = parse_number<uint16_t>(address);
  if (port && *port > 0) return Place{address};
  auto parsed = sys::SocketAddress::parse(address.starts_with('/') ? "unix:" + address : address);
  if (!parsed) {
    return failure(Exit::Usage, printable(parsed.error().what) +
                                    "; a port alone, such as 443, stands for all addresses");
  }
  if (parsed->is_unix()) return unix_place(std::string(parsed->path()));
  if (parsed->port() == 0) {
    return failure(Exit::Usage,
                   "address \"" + printable(address) + "\": a listener needs a port; name one");
  }
  const std::string host = parsed->host();
  const bool is_always_there =
      host == "::" || host == "0.0.0.0" || host == "::1" || host.starts_with("127.");
  return Place{parsed->text(), false, !is_always_there};
}

std::string service_of(const UnitWish& wish) {
  return wish.instance.empty() ? "sockherd.service" : "sockherd@" + wish.instance + ".service";
}

// That of the listener web comes with sockherd; the others are beside it.
std::string socket_of(const UnitWish& wish) {
  std::string name = wish.listener == "web" ? "sockherd" : "sockherd-" + wish.listener;
  if (!wish.instance.empty()) name += "@" + wish.instance;
  return name + ".socket";
}

std::string stream_lines(const Place& place, uint32_t slots) {
  std::string text;
  for (uint32_t i = 0; i < slots; ++i) text += "ListenStream=" + place.stream + "\n";
  return text;
}

// What differs between sockets of a port and of a path.
std::string kind_lines(const Place& place) {
  if (place.is_unix) return "SocketMode=0660\nSocketGroup=sockherd\n";
  std::string text = "# Further workers join the socket's SO_REUSEPORT group.\nReusePort=yes\n";
  if (place.is_specific) text += "# Also while no interface has this address.\nFreeBind=yes\n";
  return text;
}

std::string socket_section(const UnitWish& wish, const Place& place) {
  return "[Socket]\n" + std::string(wish.is_drop_in ? "ListenStream=\n" : "") +
         (wish.slots > 1 ? "# One for each worker, and for each of its threads.\n" : "") +
         stream_lines(place, wish.slots) + "FileDescriptorName=" + wish.listener + "\n" +
         kind_lines(place);
}

std::string whole_unit(const UnitWish& wish, const Place& place) {
  const std::string whose = wish.instance.empty() ? "" : " (" + wish.instance + ")";
  return "[Unit]\nDescription=Listener " + wish.listener + " of sockherd" + whose +
         "\nDocumentation=man:sockherd(8)\n"
         "# A start limit would end in \"failed\", with nobody listening.\n"
         "StartLimitIntervalSec=0\n\n" +
         socket_section(wish, place) +
         "# A start that fails while connections wait must not end with a closed port.\n"
         "TriggerLimitIntervalSec=0\nService=" +
         service_of(wish) + "\n\n[Install]\nWantedBy=sockets.target " + service_of(wish) + "\n";
}

Result<void> check(const UnitWish& wish, const Place& place) {
  if (wish.listener == "admin" || wish.listener.starts_with("sockherd") ||
      !consists_of(wish.listener, "_-")) {
    return failure(Exit::Usage, "\"" + printable(wish.listener) +
                                    "\" cannot be the name of a listener: it has 1 to 64 letters, "
                                    "digits, \"_\" and \"-\", and is not admin or sockherd");
  }
  if (place.is_unix && wish.slots > 1) {
    return failure(Exit::Usage,
                   "all workers share one Unix socket; leave --slots away, or name a port");
  }
  if (wish.is_drop_in && wish.listener != "web") {
    return failure(Exit::Usage,
                   "only the listener web has a unit that a drop-in can change; the "
                   "one of " +
                       wish.listener + " is written whole: leave --drop-in away");
  }
  return {};
}

}  // namespace

bool is_instance_name(const std::string& name) {
  return consists_of(name, "_-.:") && name != "." && name != "..";
}

Result<UnitFile> unit_file(const UnitWish& wish) {
  const Place place = TRY(place_of(wish.address));
  TRY(check(wish, place));
  const std::string socket = socket_of(wish);
  UnitFile file;
  file.path = std::string(kUnits) + socket + (wish.is_drop_in ? ".d/listen.conf" : "");
  file.apply = "systemctl daemon-reload";
  if (!wish.is_drop_in || !wish.instance.empty()) file.apply += " && systemctl enable " + socket;
  file.apply += " && systemctl restart " + service_of(wish) + " " + socket;
  file.text = "# " + file.path + "\n# Then: " + file.apply + "\n\n" +
              (wish.is_drop_in ? socket_section(wish, place) : whole_unit(wish, place));
  return file;
}

}  // namespace sockherd::ctl
