#ifndef VOIDBOX_BASE_STANDARD_STREAMS_H_
#define VOIDBOX_BASE_STANDARD_STREAMS_H_

#include "absl/status/status.h"

namespace voidbox {

// Opens /dev/null as each of the descriptors 0 to 2 that is closed, so that no file or socket which
// the program opens later is taken for its input, output or error. First thing in main.
absl::Status OpenStandardStreams();

}  // namespace voidbox

#endif  // VOIDBOX_BASE_STANDARD_STREAMS_H_
