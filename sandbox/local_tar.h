#ifndef VOIDBOX_SANDBOX_LOCAL_TAR_H_
#define VOIDBOX_SANDBOX_LOCAL_TAR_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// Files of this machine as tar streams (pax), for copies to and from a guest.

struct TarCounts {
  uint64_t files = 0;
  uint64_t bytes = 0;     // of files
  uint64_t left_out = 0;  // what is neither file nor directory
};
// Called with the number of bytes since the last call; an error ends the operation.
using TarProgress = std::function<absl::Status(uint64_t bytes)>;

// Writes `path`, a file or a directory with all in it, to the descriptor; `name` is what it is
// called in the stream. Links, pipes and devices are left out, but for a link that `path` itself
// is.
absl::StatusOr<TarCounts> PackTar(const std::string& path, const std::string& name, int output,
                                  const TarProgress& progress);

// Bytes of the files that PackTar would write.
absl::StatusOr<uint64_t> MeasureTree(const std::string& path);

// Unpacks a stream that may be hostile into `directory`, which is there: only files and directories
// come out of it, beneath the directory, through no link, with permission bits and times, owned by
// this user. With `rename`, the first part of every name is that instead. INVALID_ARGUMENT at an
// entry that is anything else; what came before it stays.
absl::StatusOr<TarCounts> UnpackTar(int input, const std::string& directory,
                                    const std::string& rename, const TarProgress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_LOCAL_TAR_H_
