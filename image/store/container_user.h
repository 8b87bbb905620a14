#ifndef VOIDBOX_IMAGE_STORE_CONTAINER_USER_H_
#define VOIDBOX_IMAGE_STORE_CONTAINER_USER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Who a container image's commands run as.
struct ContainerUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // The same for a guest's agent: a name of /etc/passwd that means these ids, or UID:GID.
  std::string text;
};

// What the "User" of an image means (OCI image-spec, config.md): user, uid, user:group, uid:gid,
// uid:group or user:gid, in the image's own passwd(5) and group(5) files, which are hostile; lines
// that are none do not count. As for container runtimes, a number that no line has stands for
// itself, and its group is then 0, as is the user where only a group is given.
// INVALID_ARGUMENT for a name that is not there, and for a number that no user can have.
absl::StatusOr<ContainerUser> FindContainerUser(absl::string_view user, absl::string_view passwd,
                                                absl::string_view group);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_CONTAINER_USER_H_
