#ifndef VOIDBOX_IMAGE_POSIX_ACL_H_
#define VOIDBOX_IMAGE_POSIX_ACL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The names of the extended attributes that hold a file's POSIX ACL, and the one that a directory
// gives to what is made in it (acl(5)).
inline constexpr absl::string_view kAccessAcl = "system.posix_acl_access";
inline constexpr absl::string_view kDefaultAcl = "system.posix_acl_default";

// The attribute's value (Linux include/uapi/linux/posix_acl_xattr.h, version 2) of an ACL as text,
// as star and GNU tar have it: "user::rw-,user:lisa:r--:1000,group::r--,mask::r--,other::---", of
// commas or lines. INVALID_ARGUMENT for what is no ACL, and for a user or group that has only a
// name, since its number is not known here.
absl::StatusOr<std::string> PosixAclFromText(absl::string_view text);

// Whether Linux would take the value: one that it does not makes the file unusable.
bool IsPosixAcl(absl::string_view value);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_POSIX_ACL_H_
