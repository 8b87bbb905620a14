#ifndef VOIDBOX_SANDBOX_INSTALLATION_H_
#define VOIDBOX_SANDBOX_INSTALLATION_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// Where the files are that belong to one voidbox executable: in Bazel's output tree beside it, or
// installed as PREFIX/bin, PREFIX/libexec/voidbox and PREFIX/share/voidbox.
class Installation {
 public:
  enum class Item {
    kVmm,
    kGuestKernel,
    kGuestKernelConfig,
    kGuestInitramfs,
    kGuestAgent,
    kBusybox,
    kHostBroker,
    kHostKernel,
    kHostInitramfs,
    kHostKey,
  };

  // Of the running executable.
  static absl::StatusOr<Installation> Find();
  // Of the executable at `path` (no links).
  static Installation Of(const std::string& path);

  // NOT_FOUND, with the places looked at, when it is not there.
  absl::StatusOr<std::string> Path(Item item) const;
  const std::string& executable() const { return executable_; }

 private:
  Installation(std::string executable, std::string root)
      : executable_(std::move(executable)), root_(std::move(root)) {}

  std::string executable_;
  std::string root_;  // bazel-bin, or the prefix: /usr/local, say
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_INSTALLATION_H_
