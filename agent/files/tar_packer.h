#ifndef VOIDBOX_AGENT_FILES_TAR_PACKER_H_
#define VOIDBOX_AGENT_FILES_TAR_PACKER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/files/tar_unpacker.h"

namespace voidbox {

using PieceSink = std::function<absl::Status(absl::string_view)>;

struct TarSource {
  int root = -1;                  // directory, borrowed
  std::vector<std::string> path;  // beneath it; of a file or a directory
  // Names are those in the directory, without its own. Always so for the root itself.
  bool contents_only = false;
};

// Writes a file, or a directory with all in it, as a tar archive (ustar, pax where that does not
// do). What is neither file nor directory is left out and counted, and so are directories of
// Staging; no link is followed. Errors: those of OpenBeneath and of the sink; INVALID_ARGUMENT for
// a tree deeper than kMaxDepth; FAILED_PRECONDITION for a file that becomes shorter meanwhile,
// rather than an archive with bytes that were never in it.
absl::StatusOr<TarCount> PackTar(const TarSource& source, bool gzip, const PieceSink& sink);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TAR_PACKER_H_
