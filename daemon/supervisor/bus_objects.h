// The objects on the system bus, as data: the service itself, its pools and its workers, each with
// the properties of its interface. system_bus.h shows them.
//
//   /io/sockherd/Sockherd1                  io.sockherd.Sockherd1
//   /io/sockherd/Sockherd1/pool/NAME        io.sockherd.Sockherd1.Pool      NAME by
//   sd_bus_path_encode /io/sockherd/Sockherd1/worker/ID        io.sockherd.Sockherd1.Worker    ID
//   is never used again
#pragma once

#include <systemd/sd-bus.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/bus/dictionary.h"

namespace sockherd::supervisor {

class Supervisor;

struct BusObject {
  const char* interface = "";
  bus::Dictionary properties;
};
using BusObjects = std::map<std::string, BusObject>;  // by path

BusObjects describe_objects(const Supervisor& supervisor);
// One of them; without properties where there is none (any more).
BusObject describe_object(const Supervisor& supervisor, const std::string& path);

// The getter of all properties, for vtables whose userdata is a Door.
int read_property(sd_bus* bus, const char* path, const char* interface, const char* property,
                  sd_bus_message* reply, void* userdata, sd_bus_error* error);

// What has become of the objects between two looks.
struct BusChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::map<std::string, std::vector<std::string>> changed;  // by path, the properties
};
BusChanges compare(const BusObjects& before, const BusObjects& now);

}  // namespace sockherd::supervisor
