#ifndef VOIDBOX_BASE_ABOUT_STATUS_H_
#define VOIDBOX_BASE_ABOUT_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The same error with what it is about in front: "<what>: <message>". OK stays OK.
inline absl::Status About(absl::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_ABOUT_STATUS_H_
