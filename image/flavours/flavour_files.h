#ifndef VOIDBOX_IMAGE_FLAVOURS_FLAVOUR_FILES_H_
#define VOIDBOX_IMAGE_FLAVOURS_FLAVOUR_FILES_H_

#include "absl/strings/string_view.h"

namespace voidbox {

// The files of this directory, by what they are; the BUILD file says which is which.
extern const absl::string_view kAgentsPackages;
extern const absl::string_view kClaudeCodeMock;
extern const absl::string_view kDebianPackages;
extern const absl::string_view kMinimalGroup;
extern const absl::string_view kMinimalManifest;
extern const absl::string_view kMinimalPasswd;
extern const absl::string_view kNpmLock;

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_FLAVOURS_FLAVOUR_FILES_H_
