#ifndef VOIDBOX_AGENT_COPY_TREE_H_
#define VOIDBOX_AGENT_COPY_TREE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace voidbox {

// What is copied at most: it is done at boot, into memory.
struct CopyLimits {
  size_t entries = 4096;
  uint64_t bytes = 16 << 20;
  int depth = 64;
};

// Copies what is in the directory `from` into the directory `to`: files of every kind, with their
// owners, modes and times. Links are copied, never followed. A file with several names becomes
// several. RESOURCE_EXHAUSTED beyond a limit, other errors as they come; `to` then has a part of
// it.
absl::Status CopyTree(int from, int to, const CopyLimits& limits = {});

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_COPY_TREE_H_
