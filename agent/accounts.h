#ifndef VOIDBOX_AGENT_ACCOUNTS_H_
#define VOIDBOX_AGENT_ACCOUNTS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Who a command runs as.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty for a uid without a name
  std::string home;  // absolute
  // The groups beside `gid`: those that the group file says he is a member of.
  std::vector<gid_t> groups;
};

// The user of every guest (docs/images.md), and root. Nobody's file is asked for these.
Account DefaultAccount();
Account RootAccount();

// What `user` means: nothing is DefaultAccount, "root" and "0" are RootAccount, else a name of
// the passwd file, or UID or UID:GID in decimal. A number that the file does not have is a user
// without a name, whose gid is his uid and whose home is /. As in a container, whoever has a name
// is in the groups of which the group file says so, unless a GID is given; DefaultAccount and
// RootAccount are in none.
//
// The files are as hostile as the guest: read without waiting, and at most kMaxAccountsBytes; a
// group file that cannot be read has no groups. INVALID_ARGUMENT when there is no such user.
inline constexpr size_t kMaxUserBytes = 64;
inline constexpr size_t kMaxAccountsBytes = 1 << 20;
struct AccountFiles {
  std::string passwd = "/etc/passwd";
  std::string group = "/etc/group";
};
absl::StatusOr<Account> FindAccount(absl::string_view user, const AccountFiles& files);

// The same in the text of the files; for fuzzing. Lines that are not as passwd(5) and group(5) have
// them do not count, and no groups beyond kMaxGroups.
inline constexpr size_t kMaxGroups = 1024;
absl::StatusOr<Account> FindAccountIn(absl::string_view user, absl::string_view passwd,
                                      absl::string_view group = "");

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_ACCOUNTS_H_
