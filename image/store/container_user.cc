#include "image/store/container_user.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// What the agent takes for a line of passwd(5) and for a name (agent/accounts.h).
constexpr size_t kPasswdFields = 7;
constexpr size_t kMaxAgentNameBytes = 64;
// Both files: name:password:id and more.
constexpr size_t kName = 0, kId = 2, kPrimaryGroup = 3;

// A uid or gid in decimal. The largest number means "none" to the kernel (setresuid(2)).
std::optional<uint32_t> ParseId(absl::string_view text) {
  uint32_t id;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit) || !absl::SimpleAtoi(text, &id) ||
      id == UINT32_MAX) {
    return std::nullopt;
  }
  return id;
}

using Fields = std::vector<absl::string_view>;

// The fields of the first line that has the name `wanted`, or the id that it is in decimal.
std::optional<Fields> FindLine(absl::string_view text, absl::string_view wanted) {
  const std::optional<uint32_t> id = ParseId(wanted);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    Fields fields = absl::StrSplit(line, ':');
    if (fields.size() <= kId) continue;
    const std::optional<uint32_t> own = ParseId(fields[kId]);
    if (own && (fields[kName] == wanted || (id && own == id))) return fields;
  }
  return std::nullopt;
}

bool AgentFindsByName(absl::string_view passwd, const Fields& account) {
  const absl::string_view name = account[kName];
  return account.size() == kPasswdFields && !name.empty() && name.size() <= kMaxAgentNameBytes &&
         ParseId(account[kPrimaryGroup]) && !ParseId(name) && FindLine(passwd, name) == account;
}

absl::Status Unknown(absl::string_view user, absl::string_view file, absl::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat(
      "its user '", absl::CHexEscape(user.substr(0, 100)), "': the image's ", file, " has no '",
      absl::CHexEscape(name.substr(0, 100)), "', and it is no number from 0 to ", UINT32_MAX - 1));
}

}  // namespace

absl::StatusOr<ContainerUser> FindContainerUser(absl::string_view user, absl::string_view passwd,
                                                absl::string_view group) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(user, absl::MaxSplits(':', 1));
  const absl::string_view name = parts.first.empty() ? "0" : parts.first;
  ContainerUser found;
  const std::optional<Fields> account = FindLine(passwd, name);
  if (account) {
    found.uid = *ParseId((*account)[kId]);
    if (account->size() > kPrimaryGroup) {
      found.gid = ParseId((*account)[kPrimaryGroup]).value_or(0);
    }
  } else if (const auto uid = ParseId(name)) {
    found.uid = *uid;
  } else {
    return Unknown(user, "/etc/passwd", name);
  }
  const absl::string_view group_name = parts.second;
  if (!group_name.empty()) {
    const std::optional<Fields> line = FindLine(group, group_name);
    const std::optional<uint32_t> gid = ParseId(line ? (*line)[kId] : group_name);
    if (!gid) return Unknown(user, "/etc/group", group_name);
    found.gid = *gid;
  }
  // A name is kept where the agent finds the same line by it, with the user's groups: another line
  // may have the same uid, or the same name.
  if (group_name.empty() && account && AgentFindsByName(passwd, *account)) {
    found.text = std::string((*account)[kName]);
  } else {
    found.text = absl::StrCat(found.uid, ":", found.gid);
  }
  return found;
}

}  // namespace voidbox
