#ifndef VOIDBOX_AGENT_ACCOUNTS_H_
#define VOIDBOX_AGENT_ACCOUNTS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Who a command runs as.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty for a uid without a name
  std::string home;  // absolute
};

// The user of every guest (docs/images.md), and root. Nobody's file is asked for these.
Account DefaultAccount();
Account RootAccount();

// What `user` means: nothing is DefaultAccount, "root" and "0" are RootAccount, else a name of
// the passwd file, or UID or UID:GID in decimal. A number that the file does not have is a user
// without a name, whose gid is his uid and whose home is /.
//
// `passwd_path` is as hostile as the guest: read without waiting, and at most kMaxPasswdBytes.
// INVALID_ARGUMENT when there is no such user.
inline constexpr size_t kMaxUserBytes = 64;
inline constexpr size_t kMaxPasswdBytes = 1 << 20;
absl::StatusOr<Account> FindAccount(absl::string_view user, const std::string& passwd_path);

// The same in the text of a passwd file; for fuzzing. Lines that are not as passwd(5) has them do
// not count.
absl::StatusOr<Account> FindAccountIn(absl::string_view user, absl::string_view passwd);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_ACCOUNTS_H_
