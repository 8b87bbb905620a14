#ifndef VOIDBOX_BASE_THREAD_H_
#define VOIDBOX_BASE_THREAD_H_

#include <functional>
#include <thread>

#include "absl/status/statusor.h"

namespace voidbox {

// A thread that runs `main`. RESOURCE_EXHAUSTED where std::thread would throw: at the limit of
// processes of the user or of a cgroup, or without memory for a stack.
absl::StatusOr<std::thread> StartThread(std::function<void()> main);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_THREAD_H_
