#include "base/thread.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace voidbox {

absl::StatusOr<std::thread> StartThread(std::function<void()> main) {
  try {
    return std::thread(std::move(main));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread can be started: ", error.code().message(),
                     "; raise the limit of processes (ulimit -u, or pids.max of the cgroup)"));
  }
}

}  // namespace voidbox
