#ifndef VOIDBOX_TOOLS_BENCH_FLAGS_H_
#define VOIDBOX_TOOLS_BENCH_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox::bench {

// What the command line says, with what it says when it says nothing.
struct Flags {
  int rounds = 5;
  std::vector<std::string> peers;
  std::string format = "text";
  std::string kvm_host = "auto";
  int count = 200;
  std::string bytes = "256M";
  std::string rootfs;
  bool inside = false;  // already in the counting host
};

// What the flags mean.
struct Settings {
  int rounds = 0;
  bool json = false;
  int count = 0;
  uint64_t bytes = 0;
  std::string firecracker;    // empty, or an absolute path
  std::string other_voidbox;  // likewise, of another build's files
  std::string rootfs;         // likewise
};

// INVALID_ARGUMENT or, for a file that is not there, NOT_FOUND.
absl::StatusOr<Settings> CheckFlags(const Flags& flags);

// The command line that measures `what` with the same flags inside of the counting host.
std::vector<std::string> InsideCommand(const std::string& executable, const std::string& what,
                                       const Flags& flags, const Settings& settings);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_FLAGS_H_
