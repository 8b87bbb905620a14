#ifndef VOIDBOX_BASE_CHECK_H_
#define VOIDBOX_BASE_CHECK_H_

#include <cstdlib>

#include "base/log.h"

namespace voidbox {

// Ends the process when one of our own invariants is broken. Never for anything that a guest, an
// image, a client or a file may cause.
inline void Check(bool holds, absl::string_view invariant) {
  if (holds) return;
  LogError("broken invariant: ", invariant);
  std::abort();
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_CHECK_H_
