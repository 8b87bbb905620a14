#ifndef VOIDBOX_IMAGE_BUILDER_BUILD_PROGRAM_H_
#define VOIDBOX_IMAGE_BUILDER_BUILD_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"
#include "image/byte_source.h"
#include "image/store/progress.h"
#include "sandbox/child_process.h"

namespace voidbox {

// The path of a program that a build runs, looked up in $PATH and then where administrators' ones
// are. NOT_FOUND says what to install: "mmdebstrap is missing: apt-get install mmdebstrap".
absl::StatusOr<std::string> FindProgram(absl::string_view name, absl::string_view package);

// A program of the machine that takes part in a build, with its standard output to be read and no
// input. It is a session of its own, so that a terminal's Ctrl-C reaches the build alone, which
// then ends it: the whole session gets TERM at the end of this object's life, and KILL when that
// does not help. Should the build itself be killed, the kernel kills the program. One thread.
class BuildProgram {
 public:
  // `environment` is added to the build's own. Errors call the program `name`, or by its file.
  static absl::StatusOr<BuildProgram> Start(const std::vector<std::string>& argv,
                                            const std::vector<std::string>& environment = {},
                                            const std::string& name = "");
  BuildProgram(BuildProgram&&) noexcept = default;
  BuildProgram& operator=(BuildProgram&&) = delete;
  ~BuildProgram();

  // Its standard output; fails when `progress` does. Both outlive the source.
  ByteSource Output(Progress& progress);
  // Waits for its end. ABORTED, with the last lines that it wrote to standard error, unless it ends
  // with status 0.
  absl::Status Finish(Progress& progress);
  // Both: all that it prints, up to `max_bytes`.
  absl::StatusOr<std::string> ReadOutput(Progress& progress, size_t max_bytes = 16 << 20);

 private:
  BuildProgram(std::string name, ChildProcess child, UniqueFd output, UniqueFd error)
      : name_(std::move(name)),
        child_(std::move(child)),
        output_(std::move(output)),
        error_(std::move(error)) {}

  std::string name_;
  ChildProcess child_;
  UniqueFd output_;
  UniqueFd error_;  // a file that takes what it says
  bool finished_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUILD_PROGRAM_H_
