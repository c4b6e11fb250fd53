// What supervisor and worker call the things that one hands to the other: passed descriptors
// (LISTEN_FDNAMES) and environment variables.
//
// A listening socket has the name of its listener where that says all: the slot's first socket,
// with the slot's number. Others are lanes (lane.h).
//
// A listener cannot have one of these names: "sockherd" is reserved in the configuration.
#pragma once

namespace sockherd::contract {

// Descriptors.
inline constexpr char kConfigFd[] = "sockherd.config";  // memory file: the validated TOML text
inline constexpr char kStatsFd[] = "sockherd.stats";    // the statistics segment of the pool
inline constexpr char kBusFd[] = "sockherd.bus";        // memory file: bus_file.h
inline constexpr char kBellFd[] = "sockherd.bell";      // eventfd: something is in it
// + key (config::upstream_key): memory file, upstream_file.h; and its bell, an eventfd that counts
// (EFD_SEMAPHORE): who has a request waiting takes one when something has become free.
inline constexpr char kUpstreamFdPrefix[] = "sockherd.upstream.";
inline constexpr char kUpstreamBellPrefix[] = "sockherd.upbell.";
inline constexpr char kControlFd[] = "sockherd.control";   // packet socket: message.h
inline constexpr char kLoadFdPrefix[] = "sockherd.load.";  // + listener: where its load is counted
inline constexpr char kLaneFdPrefix[] = "sockherd.lane.";  // + what lane.h says: a listening socket

// Environment.
inline constexpr char kPoolVariable[] = "SOCKHERD_POOL";
inline constexpr char kSlotVariable[] = "SOCKHERD_SLOT";
inline constexpr char kGenerationVariable[] = "SOCKHERD_GENERATION";
// Its page in the statistics segment; with several threads one for each, with commas between.
inline constexpr char kSeatVariable[] = "SOCKHERD_SEAT";
inline constexpr char kThreadsVariable[] = "SOCKHERD_THREADS";  // where they are not 1

}  // namespace sockherd::contract
