#include "sandbox/process_identity.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<uint64_t> ParseStartTime(absl::string_view stat) {
  // The second field is the program's name in parentheses and may hold any character.
  const size_t name_end = stat.rfind(')');
  if (name_end == absl::string_view::npos) return absl::DataLossError("no name in a stat file");
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  // fields[0] is field 3, the state; field 22 is the start time.
  uint64_t start_time;
  if (fields.size() < 20 || !absl::SimpleAtoi(fields[19], &start_time)) {
    return absl::DataLossError("no start time in a stat file");
  }
  if (fields[0] == "Z" || fields[0] == "X") return absl::NotFoundError("the process has ended");
  return start_time;
}

absl::StatusOr<ProcessIdentity> IdentifyProcess(pid_t pid) {
  ASSIGN_OR_RETURN(const std::string stat, ReadFile(absl::StrCat("/proc/", pid, "/stat")));
  ASSIGN_OR_RETURN(const uint64_t start_time, ParseStartTime(stat));
  return ProcessIdentity{pid, start_time};
}

bool IsAlive(const ProcessIdentity& process) {
  const absl::StatusOr<ProcessIdentity> now = IdentifyProcess(process.pid);
  return now.ok() && now->start_time == process.start_time;
}

}  // namespace voidbox
