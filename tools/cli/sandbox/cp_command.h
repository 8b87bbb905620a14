#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/tar/tar_unpacker.h"
#include "sandbox/local_tree.h"
#include "tools/cli/command.h"
#include "tools/cli/sandbox/copy_paths.h"

namespace voidbox {

// `voidbox cp`.
class CpCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int ToGuest(const Invocation& invocation) const;
  int FromGuest(const Invocation& invocation) const;
  // Exit status 0 when it is a directory, 1 when not.
  int AskWhetherDirectory(const Invocation& invocation, const GuestPath& path) const;
  // Opens where a source of that name goes to, and says what may come of the stream.
  absl::StatusOr<LocalDestination> OpenDestination(const std::string& name,
                                                   UnpackOptions& options) const;
  // Lists what was not made. The exit status of a copy that has come.
  int TellUnpacked(const TarCount& count) const;
  void TellCounts(const TarCount& count) const;

  std::string source_, destination_;
  std::string max_size_ = "16G";
  bool quiet_ = false;
  bool skip_links_ = false;
  bool is_directory_ = false;  // only that question is to be answered
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_
