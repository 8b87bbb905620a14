#ifndef VOIDBOX_IMAGE_STORE_IMAGE_NAME_H_
#define VOIDBOX_IMAGE_STORE_IMAGE_NAME_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// INVALID_ARGUMENT unless `name` is [a-z0-9][a-z0-9._-]{0,63}: what is safe as a file's name, in a
// URL and in a shell.
absl::Status ValidateImageName(absl::string_view name);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMAGE_NAME_H_
