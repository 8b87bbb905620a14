#ifndef VOIDBOX_BASE_TAR_REMOVE_TREE_H_
#define VOIDBOX_BASE_TAR_REMOVE_TREE_H_

#include <string>

#include "absl/status/status.h"

namespace voidbox {

// Removes `name` in `directory`, with all that is in it when it is a directory. Links are removed,
// not followed. INVALID_ARGUMENT for a tree deeper than kMaxDepth (relative_path.h), NOT_FOUND
// when there is none; what could not be removed stays, the rest is gone.
absl::Status RemoveTree(int directory, const std::string& name);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_REMOVE_TREE_H_
