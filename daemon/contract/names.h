// What supervisor and worker call the things that one hands to the other: passed descriptors
// (LISTEN_FDNAMES) and environment variables.
//
// A listener cannot have one of these names: "sockherd" is reserved in the configuration.
#pragma once

namespace sockherd::contract {

// Descriptors.
inline constexpr char kConfigFd[] = "sockherd.config";     // memory file: the validated TOML text
inline constexpr char kStatsFd[] = "sockherd.stats";       // the statistics segment of the pool
inline constexpr char kControlFd[] = "sockherd.control";   // packet socket: message.h
inline constexpr char kLoadFdPrefix[] = "sockherd.load.";  // + listener: where its load is counted

// Environment.
inline constexpr char kPoolVariable[] = "SOCKHERD_POOL";
inline constexpr char kSlotVariable[] = "SOCKHERD_SLOT";
inline constexpr char kGenerationVariable[] = "SOCKHERD_GENERATION";
inline constexpr char kSeatVariable[] = "SOCKHERD_SEAT";  // its page in the statistics segment

}  // namespace sockherd::contract
