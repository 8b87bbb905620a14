#ifndef VOIDBOX_BASE_TAR_TAR_PACKER_H_
#define VOIDBOX_BASE_TAR_TAR_PACKER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/tar/tar_unpacker.h"

namespace voidbox {

using PieceSink = std::function<absl::Status(absl::string_view)>;

struct TarSource {
  int root = -1;                  // directory, borrowed
  std::vector<std::string> path;  // beneath it; of a file or a directory
  // Names are those in the directory, without its own. Always so for the root itself.
  bool contents_only = false;
  std::string as;  // not empty: what its name is in the archive
};

struct PackOptions {
  bool gzip = false;
  bool links = false;  // symbolic links are packed, as they are, and not left out
  TarProgress progress;
};

// Writes a file, or a directory with all in it, as a tar archive (ustar, pax where that does not
// do). What is neither file nor directory is left out and counted, and so are directories of
// Staging; no link is followed; what is removed meanwhile is not there. Errors: those of
// OpenBeneath and of the sink; INVALID_ARGUMENT for a tree deeper than kMaxDepth;
// FAILED_PRECONDITION for a file that becomes shorter meanwhile, rather than an archive with bytes
// that were never in it. After an error the archive has no end mark, by which UnpackTar knows.
absl::StatusOr<TarCount> PackTar(const TarSource& source, const PackOptions& options,
                                 const PieceSink& sink);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_TAR_PACKER_H_
