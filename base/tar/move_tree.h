#ifndef VOIDBOX_BASE_TAR_MOVE_TREE_H_
#define VOIDBOX_BASE_TAR_MOVE_TREE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace voidbox {

// Moves everything in `from` to `to`, both directories of one file system, by renaming. A directory
// that `to` has already keeps its mode and is merged, entry by entry; a file or link that it has
// already is replaced. A directory in place of something else, or the other way round, is refused
// (FAILED_PRECONDITION), a link to a directory included, and so is what would take the place of a
// device, FIFO or socket.
//
// Each name changes at once. When a rename fails, those before are taken back, and `to` is as it
// was; who looks meanwhile may see some of the new names. `from` is left with what was replaced or
// not moved. Should taking back fail too, the error says so: somebody has changed `to` as well.
absl::Status MoveTree(int from, int to);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_MOVE_TREE_H_
