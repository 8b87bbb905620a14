#include "tools/bench/flags.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "tools/bench/bulk_data.h"

namespace voidbox::bench {
namespace {

constexpr int kMinRounds = 5;  // of which a median says something
constexpr int kMaxRounds = 1000;
constexpr int kMaxCount = 1'000'000;
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  absl::string_view digits = text;
  int shift = 0;
  if (absl::ConsumeSuffix(&digits, "K")) {
    shift = 10;
  } else if (absl::ConsumeSuffix(&digits, "M")) {
    shift = 20;
  } else if (absl::ConsumeSuffix(&digits, "G")) {
    shift = 30;
  }
  uint64_t number = 0;
  if (!absl::SimpleAtoi(digits, &number) || number == 0 || number > kMaxBytes >> shift ||
      (number << shift) % kBlockBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("--bytes ", text, " is not a multiple of ",
                                                   kBlockBytes, " up to ", kMaxBytes >> 30, "G"));
  }
  return number << shift;
}

absl::Status CheckRange(absl::string_view flag, int value, int min, int max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " ", value, " is not between ", min, " and ", max));
}

absl::StatusOr<std::string> AbsolutePath(absl::string_view flag, absl::string_view path) {
  std::error_code error;
  const std::string absolute = std::filesystem::canonical(std::string(path), error).string();
  if (error) return ErrnoStatus(absl::StrCat(flag, " ", path), error.value());
  return absolute;
}

}  // namespace

absl::StatusOr<Settings> CheckFlags(const Flags& flags) {
  RETURN_IF_ERROR(CheckRange("--rounds", flags.rounds, kMinRounds, kMaxRounds));
  RETURN_IF_ERROR(CheckRange("--count", flags.count, 1, kMaxCount));
  Settings settings = {
      .rounds = flags.rounds, .json = flags.format == "json", .count = flags.count};
  ASSIGN_OR_RETURN(settings.bytes, ParseBytes(flags.bytes));
  for (const std::string& peer : flags.peers) {
    absl::string_view path = peer;
    const bool is_voidbox = absl::ConsumePrefix(&path, "voidbox=");
    if ((!is_voidbox && !absl::ConsumePrefix(&path, "firecracker=")) || path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--peer ", peer, " is neither firecracker=PATH nor voidbox=DIRECTORY of another build"));
    }
    ASSIGN_OR_RETURN((is_voidbox ? settings.other_voidbox : settings.firecracker),
                     AbsolutePath("--peer", path));
  }
  if (!flags.rootfs.empty()) {
    ASSIGN_OR_RETURN(settings.rootfs, AbsolutePath("--rootfs", flags.rootfs));
  }
  return settings;
}

std::vector<std::string> InsideCommand(const std::string& executable, const std::string& what,
                                       const Flags& flags, const Settings& settings) {
  std::vector<std::string> argv = {
      executable, what,        "--inside", "--rounds", absl::StrCat(flags.rounds),
      "--format", flags.format};
  if (!settings.firecracker.empty()) {
    argv.insert(argv.end(), {"--peer", absl::StrCat("firecracker=", settings.firecracker)});
  }
  if (!settings.other_voidbox.empty()) {
    argv.insert(argv.end(), {"--peer", absl::StrCat("voidbox=", settings.other_voidbox)});
  }
  if (what == "boot" && !settings.rootfs.empty()) {
    argv.insert(argv.end(), {"--rootfs", settings.rootfs});
  }
  if (what == "exec") argv.insert(argv.end(), {"--count", absl::StrCat(flags.count)});
  if (what == "vsock" || what == "files") argv.insert(argv.end(), {"--bytes", flags.bytes});
  return argv;
}

}  // namespace voidbox::bench
