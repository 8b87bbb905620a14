#include "tools/bench/process_usage.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"

namespace voidbox::bench {
namespace {

// The bytes of "7f0000000000-7f0000001000 rw-p ...", nullopt for any other line.
std::optional<uint64_t> MappingBytes(absl::string_view line) {
  const absl::string_view range = line.substr(0, line.find(' '));
  const std::vector<absl::string_view> ends = absl::StrSplit(range, '-');
  uint64_t from = 0, to = 0;
  if (ends.size() != 2 || !absl::SimpleHexAtoi(ends[0], &from) ||
      !absl::SimpleHexAtoi(ends[1], &to) || to < from) {
    return std::nullopt;
  }
  return to - from;
}

// The bytes of "Rss:      12 kB".
absl::StatusOr<uint64_t> FieldBytes(absl::string_view line) {
  absl::string_view value = line.substr(line.find(':') + 1);
  uint64_t kilobytes = 0;
  if (!absl::ConsumeSuffix(&value, " kB") || !absl::SimpleAtoi(value, &kilobytes)) {
    return absl::DataLossError(absl::StrCat("smaps: '", line, "' has no size"));
  }
  return kilobytes * 1024;
}

}  // namespace

absl::StatusOr<VmmMemory> ParseSmaps(absl::string_view smaps, uint64_t guest_ram_bytes) {
  VmmMemory memory;
  bool in_mapping = false, is_ram = false, found_ram = false;
  for (const absl::string_view line : absl::StrSplit(smaps, '\n', absl::SkipEmpty())) {
    if (const auto bytes = MappingBytes(line); bytes.has_value()) {
      in_mapping = true;
      is_ram = *bytes >= guest_ram_bytes;
      found_ram = found_ram || is_ram;
      continue;
    }
    const bool resident = absl::StartsWith(line, "Rss:");
    const bool private_ =
        absl::StartsWith(line, "Private_Clean:") || absl::StartsWith(line, "Private_Dirty:");
    if (!resident && !private_) continue;
    if (!in_mapping) return absl::DataLossError("smaps: a size comes before the first mapping");
    ASSIGN_OR_RETURN(const uint64_t bytes, FieldBytes(line));
    if (!is_ram) (resident ? memory.resident : memory.private_) += bytes;
  }
  if (!found_ram) {
    return absl::NotFoundError(
        absl::StrCat("smaps: no mapping has the guest's ", guest_ram_bytes, " bytes"));
  }
  return memory;
}

absl::StatusOr<VmmMemory> ReadVmmMemory(pid_t pid, uint64_t guest_ram_bytes) {
  ASSIGN_OR_RETURN(const std::string smaps, ReadFile(absl::StrCat("/proc/", pid, "/smaps")));
  return ParseSmaps(smaps, guest_ram_bytes);
}

absl::StatusOr<uint64_t> ParseSchedstat(absl::string_view schedstat) {
  uint64_t ns = 0;
  if (!absl::SimpleAtoi(schedstat.substr(0, schedstat.find(' ')), &ns)) {
    return absl::DataLossError(absl::StrCat("schedstat: '", schedstat, "' begins with no number"));
  }
  return ns;
}

absl::StatusOr<uint64_t> ReadCpuNs(pid_t pid) {
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  uint64_t sum = 0;
  ASSIGN_OR_RETURN(const std::vector<std::string> threads, ListDirectory(tasks));
  for (const std::string& thread : threads) {
    const auto schedstat = ReadFile(absl::StrCat(tasks, "/", thread, "/schedstat"));
    // One that has ended since is counted no more, as those before it.
    if (absl::IsNotFound(schedstat.status())) continue;
    RETURN_IF_ERROR(schedstat.status());
    ASSIGN_OR_RETURN(const uint64_t ns, ParseSchedstat(*schedstat));
    sum += ns;
  }
  return sum;
}

}  // namespace voidbox::bench
