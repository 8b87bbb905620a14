#ifndef VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "image/store/module_initramfs.h"
#include "image/store/preflight.h"
#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image import`.
class ImportCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  absl::StatusOr<Image> Import(const Installation& installation, ImageStore& store,
                               Progress& progress) const;

  // Of the kernel that was given, if it has any that are found.
  absl::StatusOr<KernelModules> FindModules(const Installation& installation,
                                            uint64_t memory_bytes) const;
  // The given ones, and the built-in ones that stand in for others.
  absl::StatusOr<ImageFiles> Files(const Installation& installation) const;

  std::string name_, kernel_, modules_, initramfs_, rootfs_, tar_, oci_, reference_, platform_,
      command_line_, format_;
  std::string memory_ = "512M";
  bool force_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_
