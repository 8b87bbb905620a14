#include "tools/cli/image/remove_command.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "sandbox/home.h"
#include "sandbox/registry.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {
namespace {

// With the sandboxes that use the image, as far as they run on this machine itself.
absl::Status NameUsers(const std::string& name, const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return status;
  ASSIGN_OR_RETURN(const std::string home, VoidboxHome());
  ASSIGN_OR_RETURN(Registry registry, Registry::Open(home));
  ASSIGN_OR_RETURN(const std::vector<SandboxRecord> records, registry.List());
  std::vector<std::string> ids;
  for (const SandboxRecord& record : records) {
    if (record.image == name) ids.push_back(record.id);
  }
  if (ids.empty()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), " (", absl::StrJoin(ids, ", "), ")"));
}

}  // namespace

FlagParser RemoveCommand::AddTo(FlagParser app) {
  const FlagParser remove =
      app.AddCommand("rm", "Remove images, and the files that no other image needs");
  remove.Add("names", names_).Required().Type("NAME...");
  AddAutoFormat(remove, format_);
  remove.SetFooter("An image that a sandbox uses stays.\n\nExample:\n  voidbox image rm old older");
  return remove;
}

int RemoveCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress& progress) -> absl::Status {
    ASSIGN_OR_RETURN(ImageStore store, OpenImageStore(/*changes=*/true));
    nlohmann::json removed = nlohmann::json::array();
    const bool json = WantsJson(format_);
    absl::Status status;
    for (const std::string& name : names_) {
      const auto freed = store.Remove(name, progress);
      if (!freed.ok()) {
        status = NameUsers(name, freed.status());
        break;
      }
      if (json) {
        removed.push_back({{"name", name}, {"freed_bytes", *freed}});
      } else {
        std::puts(absl::StrCat("Removed ", name, ", freed ", HumanBytes(*freed)).c_str());
      }
    }
    if (json) PrintJson(removed);
    return status;
  });
}

}  // namespace voidbox
