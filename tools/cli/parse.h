#ifndef VOIDBOX_TOOLS_CLI_PARSE_H_
#define VOIDBOX_TOOLS_CLI_PARSE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "sandbox/sandbox.h"

namespace voidbox {

// What people write in flags. Errors are INVALID_ARGUMENT and name the value and what would do.

inline constexpr uint64_t kMinGuestMemory = 32ull << 20;
inline constexpr uint64_t kMaxGuestMemory = 1ull << 40;
// A number of bytes with K, M, G or T (powers of 1024), or of mebibytes without: 512M, 2G, 512. A
// multiple of 2 MiB between the bounds above.
absl::StatusOr<uint64_t> ParseMemory(const std::string& text);

// A whole number of bytes from 1 to 2^62, written as above; `what` names it in the error.
absl::StatusOr<uint64_t> ParseBytes(const std::string& what, const std::string& text);

inline constexpr uint64_t kMaxDiskBytes = 8ull << 40;
// A size as above, a multiple of 4 KiB up to 8T.
absl::StatusOr<uint64_t> ParseDiskSize(const std::string& text);

inline constexpr uint32_t kMaxCpus = 32;
absl::StatusOr<uint32_t> ParseCpus(const std::string& text);

// A number with ms, s, m or h, or of seconds without: 500ms, 5s, 1.5m, 30. More than zero.
absl::StatusOr<absl::Duration> ParseDuration(const std::string& text);

// FILE, FILE,ro or FILE,rw; the file must be there.
absl::StatusOr<Sandbox::Disk> ParseDisk(const std::string& text);

// NAME=VALUE, or NAME for the value it has here.
absl::StatusOr<agent::EnvironmentVariable> ParseVariable(const std::string& text);

// The flags about the root disk, each empty when it is not given. None for a root in an initramfs.
struct RootDiskFlags {
  std::string path;  // of the file system, which is not written itself
  std::string size;
  std::string overlay;     // keeps what is written
  bool ephemeral = false;  // it is thrown away: so it is without an overlay
};
absl::StatusOr<std::optional<Sandbox::Disk>> ParseRootDisk(const RootDiskFlags& flags);

// An absolute path of a file that can be read; `what` names it in the error.
absl::StatusOr<std::string> ReadableFile(const std::string& path, const std::string& what);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_PARSE_H_
