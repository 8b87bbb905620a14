#include "tools/cli/image/image_command.h"

#include "tools/cli/exit_status.h"
#include "tools/cli/image/build_command.h"
#include "tools/cli/image/export_command.h"
#include "tools/cli/image/import_command.h"
#include "tools/cli/image/inspect_command.h"
#include "tools/cli/image/list_command.h"
#include "tools/cli/image/prune_command.h"
#include "tools/cli/image/remove_command.h"
#include "tools/cli/image/verify_command.h"

namespace voidbox {
namespace {

constexpr char kFooter[] = R"(Examples:
  voidbox image build debian
  voidbox image import mine --rootfs rootfs.ext4
  voidbox image ls
  voidbox run --image mine -- cat /etc/os-release

Images lie under $VOIDBOX_HOME/images.)";

}  // namespace

FlagParser ImageCommand::AddTo(FlagParser app) {
  const FlagParser image = app.AddCommand("image", "What sandboxes boot from");
  image.RequireCommand();
  image.SetFooter(kFooter);
  commands_.emplace_back(std::make_unique<BuildCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<ListCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<InspectCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<ImportCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<ExportCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<RemoveCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<VerifyCommand>(), nullptr);
  commands_.emplace_back(std::make_unique<PruneCommand>(), nullptr);
  for (auto& [command, parser] : commands_) parser = command->AddTo(image);
  return image;
}

int ImageCommand::Run(const Invocation& invocation) {
  for (auto& [command, parser] : commands_) {
    if (parser.parsed()) return command->Run(invocation);
  }
  return kExitOwnError;  // not reached: one of them is required
}

}  // namespace voidbox
