#ifndef VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image import`.
class ImportCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const Invocation& invocation) override;

 private:
  absl::StatusOr<Image> Import(const Installation& installation, ImageStore& store,
                               Progress& progress) const;

  std::string name_, kernel_, initramfs_, rootfs_, tar_, oci_, reference_, command_line_, format_;
  std::string memory_ = "512M";
  bool force_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_IMPORT_COMMAND_H_
