#include "tools/cli/image/prune_command.h"

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {

FlagParser PruneCommand::AddTo(FlagParser app) {
  const FlagParser prune = app.AddCommand("prune", "Remove files that no image needs");
  prune.AddSwitch("--dry-run", dry_run_, "only list them");
  AddAutoFormat(prune, format_);
  prune.SetFooter(
      "There are such after an image was replaced while a sandbox used it.\n\n"
      "Example:\n  voidbox image prune --dry-run");
  return prune;
}

int PruneCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress& progress) -> absl::Status {
    ASSIGN_OR_RETURN(ImageStore store, OpenImageStore(/*changes=*/true));
    ASSIGN_OR_RETURN(const std::vector<Garbage> garbage, store.Prune(dry_run_, progress));
    uint64_t bytes = 0;
    nlohmann::json blobs = nlohmann::json::array();
    for (const Garbage& one : garbage) {
      bytes += one.bytes;
      blobs.push_back({{"blob", one.name}, {"bytes", one.bytes}});
    }
    if (WantsJson(format_)) {
      PrintJson({{"removed", !dry_run_}, {"bytes", bytes}, {"blobs", blobs}});
      return absl::OkStatus();
    }
    for (const Garbage& one : garbage) {
      std::puts(absl::StrCat(one.name, "  ", HumanBytes(one.bytes)).c_str());
    }
    std::puts(absl::StrCat(dry_run_ ? "Would free " : "Freed ", HumanBytes(bytes)).c_str());
    return absl::OkStatus();
  });
}

}  // namespace voidbox
