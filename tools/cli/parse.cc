#include "tools/cli/parse.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "sandbox/emulated_host/machine_file.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {
namespace {

constexpr uint64_t kMemoryUnit = 2 << 20;
constexpr uint64_t kDiskUnit = 4 << 10;

// Takes the letters at the end off `text`.
std::string TakeUnit(absl::string_view& text) {
  size_t digits = text.size();
  while (digits > 0 && absl::ascii_isalpha(static_cast<unsigned char>(text[digits - 1]))) --digits;
  std::string unit(text.substr(digits));
  text = text.substr(0, digits);
  return unit;
}

bool IsDecimal(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '.') return false;
  }
  return !text.empty();
}

// A number of bytes with K, M, G or T, or of mebibytes; `what` names it in the error. Perhaps no
// whole number, and of any size.
absl::StatusOr<double> ParseSize(absl::string_view what, const std::string& text) {
  absl::string_view number = text;
  std::string unit = absl::AsciiStrToLower(TakeUnit(number));
  if (unit.size() > 1 && absl::EndsWith(unit, "ib")) unit.resize(unit.size() - 2);
  if (unit.size() > 1 && absl::EndsWith(unit, "b")) unit.resize(unit.size() - 1);
  int shift = -1;
  if (unit == "k") shift = 10;
  if (unit == "m" || unit.empty()) shift = 20;
  if (unit == "g") shift = 30;
  if (unit == "t") shift = 40;
  double value;
  if (shift < 0 || !IsDecimal(number) || !absl::SimpleAtod(number, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " '", text, "' is not a size such as 512M or 2G"));
  }
  return std::ldexp(value, shift);
}

// Where this process opens the machine's file `path` (absolute), to the same effect as on the
// machine: in the emulated host, what only seems to be that file is passed by, and so is the layer
// that takes all writes and is forgotten, if it is `for_writing`.
std::string PathToOpen(const std::string& path, bool for_writing) {
  if (!IsInsideHost()) return path;
  const auto machine_file = MachineFile(path);
  if (!machine_file.ok()) return path;  // what only the host has, such as after `host exec`
  return for_writing || IsHiddenInside(*machine_file) ? *machine_file : path;
}

// The same for a file that may have to be made.
std::string PathToMake(const std::string& path) {
  std::string found = PathToOpen(path, /*for_writing=*/true);
  if (found != path) return found;
  const std::filesystem::path whole = path;
  const std::string directory = PathToOpen(whole.parent_path().string(), /*for_writing=*/true);
  return (std::filesystem::path(directory) / whole.filename()).string();
}

absl::StatusOr<std::string> Readable(const std::string& path, const std::string& what,
                                     bool is_disk) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (error) return ErrnoStatus(path, error.value());
  const std::string found = PathToOpen(absolute, is_disk);
  struct stat attributes;
  if (::stat(found.c_str(), &attributes) != 0 || ::access(found.c_str(), R_OK) != 0) {
    return ErrnoStatus(absl::StrCat(what, " ", path));
  }
  if (S_ISDIR(attributes.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", path, ": is a directory"));
  }
  return found;
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(const std::string& what, const std::string& text) {
  ASSIGN_OR_RETURN(const double bytes, ParseSize(what, text));
  if (!(bytes >= 1) || !(bytes <= std::ldexp(1, 62))) {
    return absl::InvalidArgumentError(absl::StrCat(what, " '", text, "' is out of bounds"));
  }
  return static_cast<uint64_t>(bytes);
}

absl::StatusOr<uint64_t> ParseMemory(const std::string& text) {
  ASSIGN_OR_RETURN(const double bytes, ParseSize("memory", text));
  if (!(bytes >= static_cast<double>(kMinGuestMemory)) ||
      !(bytes <= static_cast<double>(kMaxGuestMemory))) {
    return absl::InvalidArgumentError(absl::StrCat("memory ", text, " is not between ",
                                                   kMinGuestMemory >> 20, "M and ",
                                                   kMaxGuestMemory >> 40, "T"));
  }
  const auto whole = static_cast<uint64_t>(bytes);
  if (static_cast<double>(whole) != bytes || whole % kMemoryUnit != 0) {
    return absl::InvalidArgumentError(absl::StrCat("memory ", text, " is not a multiple of 2M"));
  }
  return whole;
}

absl::StatusOr<uint64_t> ParseDiskSize(const std::string& text) {
  ASSIGN_OR_RETURN(const double bytes, ParseSize("disk size", text));
  if (!(bytes >= kDiskUnit) || !(bytes <= static_cast<double>(kMaxDiskBytes))) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk size ", text, " is not between 4K and ", kMaxDiskBytes >> 40, "T"));
  }
  const auto whole = static_cast<uint64_t>(bytes);
  if (static_cast<double>(whole) != bytes || whole % kDiskUnit != 0) {
    return absl::InvalidArgumentError(absl::StrCat("disk size ", text, " is not a multiple of 4K"));
  }
  return whole;
}

absl::StatusOr<uint32_t> ParseCpus(const std::string& text) {
  uint32_t cpus;
  if (!absl::SimpleAtoi(text, &cpus) || cpus < 1 || cpus > kMaxCpus) {
    return absl::InvalidArgumentError(
        absl::StrCat("cpus '", text, "' is not a number between 1 and ", kMaxCpus));
  }
  return cpus;
}

absl::StatusOr<absl::Duration> ParseDuration(const std::string& text) {
  absl::string_view number = text;
  const std::string unit = TakeUnit(number);
  absl::Duration one;
  if (unit == "ms") one = absl::Milliseconds(1);
  if (unit == "s" || unit.empty()) one = absl::Seconds(1);
  if (unit == "m") one = absl::Minutes(1);
  if (unit == "h") one = absl::Hours(1);
  double value;
  if (one == absl::ZeroDuration() || !IsDecimal(number) || !absl::SimpleAtod(number, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("time '", text, "' is not a duration such as 500ms, 5s, 2m or 1h"));
  }
  const absl::Duration duration = value * one;
  if (duration < absl::Milliseconds(1) || duration > absl::Hours(24 * 365)) {
    return absl::InvalidArgumentError(
        absl::StrCat("time ", text, " is not between 1ms and 8760h (a year)"));
  }
  return duration;
}

absl::StatusOr<std::string> ReadableFile(const std::string& path, const std::string& what) {
  return Readable(path, what, /*is_disk=*/false);
}

absl::StatusOr<Sandbox::Disk> ParseDisk(const std::string& text) {
  absl::string_view path = text;
  Sandbox::Disk disk;
  disk.read_only = absl::ConsumeSuffix(&path, ",ro");
  if (!disk.read_only) absl::ConsumeSuffix(&path, ",rw");
  // All disks by the same path, so that their locks meet.
  ASSIGN_OR_RETURN(disk.path, Readable(std::string(path), "disk", /*is_disk=*/true));
  if (!disk.read_only && ::access(disk.path.c_str(), W_OK) != 0) {
    return ErrnoStatus(absl::StrCat("disk ", disk.path, " cannot be written (add ,ro?)"));
  }
  return disk;
}

absl::StatusOr<std::optional<Sandbox::Disk>> ParseRootDisk(const RootDiskFlags& flags) {
  if (flags.path.empty()) {
    if (flags.size.empty() && flags.overlay.empty() && !flags.ephemeral) return std::nullopt;
    return absl::InvalidArgumentError(
        "--disk-size, --overlay and --ephemeral are about the disk of --rootfs, which is not "
        "given");
  }
  if (flags.ephemeral && !flags.overlay.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ephemeral throws away what --overlay ", flags.overlay, " keeps"));
  }
  Sandbox::Disk disk;
  ASSIGN_OR_RETURN(disk.path, ReadableFile(flags.path, "root file system"));
  if (!flags.size.empty()) {
    ASSIGN_OR_RETURN(disk.virtual_bytes, ParseDiskSize(flags.size));
  }
  disk.ephemeral = flags.overlay.empty();
  if (!disk.ephemeral) {
    std::error_code error;
    disk.overlay = std::filesystem::absolute(flags.overlay, error).lexically_normal().string();
    if (error) return ErrnoStatus(absl::StrCat("overlay ", flags.overlay), error.value());
    disk.overlay = PathToMake(disk.overlay);
  }
  return disk;
}

absl::StatusOr<agent::EnvironmentVariable> ParseVariable(const std::string& text) {
  const size_t equals = text.find('=');
  agent::EnvironmentVariable variable;
  variable.set_name(text.substr(0, equals));
  if (variable.name().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("environment variable '", text, "' has no name"));
  }
  if (equals != std::string::npos) {
    variable.set_value(text.substr(equals + 1));
  } else if (const char* value = std::getenv(text.c_str())) {
    variable.set_value(value);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "environment variable ", text, " is not set here; give it as ", text, "=VALUE"));
  }
  return variable;
}

}  // namespace voidbox
