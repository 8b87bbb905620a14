#ifndef VOIDBOX_BASE_TAR_LINK_TARGET_H_
#define VOIDBOX_BASE_TAR_LINK_TARGET_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace voidbox {

// Whether a symbolic link that would be made at `path`, components beneath the directory `root`,
// leads to a place beneath the first `top` of them, there or not, as long as that is so for every
// other link that is made there. No component but the last is a link. What goes up again behind a
// name must find a directory of that name there now; absolute links lead out.
bool LinkStaysBeneath(int root, size_t top, const std::vector<std::string>& path,
                      absl::string_view target);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_LINK_TARGET_H_
