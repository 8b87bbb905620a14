#include "agent/accounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr uint32_t kUserId = 1000;

// A uid or gid in decimal. The largest number means "none" to the kernel (setresuid(2)).
std::optional<uint32_t> ParseId(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  uint32_t id;
  if (!absl::SimpleAtoi(text, &id) || id == UINT32_MAX) return std::nullopt;
  return id;
}

// A line of passwd(5): name:password:uid:gid:comment:home:shell.
std::optional<Account> ParseLine(absl::string_view line) {
  constexpr size_t kFields = 7, kName = 0, kUid = 2, kGid = 3, kHome = 5;
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
  if (fields.size() != kFields || fields[kName].empty() ||
      line.find('\0') != absl::string_view::npos) {
    return std::nullopt;
  }
  const auto uid = ParseId(fields[kUid]), gid = ParseId(fields[kGid]);
  if (!uid || !gid) return std::nullopt;
  const absl::string_view home = fields[kHome];
  return Account{*uid, *gid, std::string(fields[kName]),
                 home.empty() || home[0] != '/' ? "/" : std::string(home)};
}

template <typename Predicate>
std::optional<Account> FirstThat(absl::string_view passwd, const Predicate& predicate) {
  for (const absl::string_view line : absl::StrSplit(passwd, '\n')) {
    std::optional<Account> account = ParseLine(line);
    if (account && predicate(*account)) return account;
  }
  return std::nullopt;
}

absl::Status NoSuchUser(absl::string_view user) {
  return absl::InvalidArgumentError(absl::StrCat("user: the guest's /etc/passwd has no '", user,
                                                 "'; give a UID or UID:GID in decimal"));
}

absl::StatusOr<std::string> ReadAccounts(const std::string& path) {
  // A pipe in its place would wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(path);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  const auto most = static_cast<off_t>(kMaxAccountsBytes);
  std::string text(static_cast<size_t>(std::min(info.st_size, most)) + 1, '\0');
  ASSIGN_OR_RETURN(const size_t size, ReadUpTo(fd.get(), text.data(), text.size()));
  if (size > kMaxAccountsBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " is longer than the limit of ", kMaxAccountsBytes, " bytes"));
  }
  text.resize(size);
  return text;
}

// By the lines of group(5): name:password:gid:member,member.
std::vector<gid_t> GroupsOf(absl::string_view user, absl::string_view group) {
  constexpr size_t kFields = 4, kGid = 2, kMembers = 3;
  std::vector<gid_t> groups;
  for (const absl::string_view line : absl::StrSplit(group, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    if (fields.size() != kFields || groups.size() == kMaxGroups) continue;
    const auto gid = ParseId(fields[kGid]);
    if (!gid) continue;
    for (const absl::string_view member : absl::StrSplit(fields[kMembers], ',')) {
      if (member != user) continue;
      groups.push_back(*gid);
      break;
    }
  }
  return groups;
}

// What needs no file.
std::optional<Account> WellKnown(absl::string_view user) {
  if (user.empty() || user == "1000") return DefaultAccount();
  if (user == "root" || user == "0" || user == "0:0") return RootAccount();
  return std::nullopt;
}

}  // namespace

Account DefaultAccount() { return {kUserId, kUserId, "user", "/home/user"}; }
Account RootAccount() { return {0, 0, "root", "/root"}; }

absl::StatusOr<Account> FindAccountIn(absl::string_view user, absl::string_view passwd,
                                      absl::string_view group) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(user, absl::MaxSplits(':', 1));
  const bool has_group = user.find(':') != absl::string_view::npos;
  const auto uid = ParseId(parts.first);
  if (!uid) {
    auto account =
        FirstThat(passwd, [&](const Account& candidate) { return candidate.name == user; });
    if (has_group || !account) return NoSuchUser(user);
    account->groups = GroupsOf(account->name, group);
    return *std::move(account);
  }
  Account account = {*uid, *uid, "", "/"};
  if (auto known = FirstThat(passwd, [&](const Account& it) { return it.uid == *uid; })) {
    account = *std::move(known);
  }
  if (has_group) {
    const auto gid = ParseId(parts.second);
    if (!gid) return NoSuchUser(user);
    account.gid = *gid;
  } else if (!account.name.empty()) {
    account.groups = GroupsOf(account.name, group);
  }
  return account;
}

absl::StatusOr<Account> FindAccount(absl::string_view user, const AccountFiles& files) {
  if (user.size() > kMaxUserBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("user: ", user.size(), " bytes are more than the limit of ", kMaxUserBytes));
  }
  if (auto account = WellKnown(user)) return *std::move(account);
  const absl::StatusOr<std::string> passwd = ReadAccounts(files.passwd);
  // Numbers do without.
  if (!passwd.ok() && !ParseId(user.substr(0, user.find(':')))) {
    return absl::InvalidArgumentError(
        absl::StrCat("user: '", user, "' cannot be looked up: ", passwd.status().message()));
  }
  return FindAccountIn(user, passwd.value_or(""), ReadAccounts(files.group).value_or(""));
}

}  // namespace voidbox
