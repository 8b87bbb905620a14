#include "tools/cli/image/verify_command.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {
namespace {

// Of one image; OK when it is whole.
absl::Status Verify(const ImageStore& store, const std::string& name, Progress& progress) {
  ASSIGN_OR_RETURN(const ImageLease lease, store.Use(name));
  return store.Verify(lease.image, progress);
}

}  // namespace

FlagParser VerifyCommand::AddTo(FlagParser app) {
  const FlagParser verify = app.AddCommand("verify", "Compute the digests of images' files again");
  verify.Add("names", names_, "all images when none is given").Type("NAME...");
  AddAutoFormat(verify, format_);
  verify.SetFooter(
      "Importing or building the same files again mends what is damaged.\n\n"
      "Example:\n  voidbox image verify");
  return verify;
}

int VerifyCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress& progress) -> absl::Status {
    ASSIGN_OR_RETURN(const ImageStore store, OpenImageStore(/*changes=*/false));
    std::vector<std::string> names = names_;
    if (names.empty()) {
      ASSIGN_OR_RETURN(const std::vector<ImageStore::Entry> entries, store.List());
      for (const ImageStore::Entry& entry : entries) names.push_back(entry.name);
    }
    nlohmann::json results = nlohmann::json::array();
    const bool json = WantsJson(format_);
    absl::Status first_error;
    for (const std::string& name : names) {
      absl::Status status = Verify(store, name, progress);
      if (absl::IsCancelled(status)) return status;
      first_error.Update(status);
      const std::string problem(status.message());
      if (json) {
        results.push_back({{"name", name}, {"whole", status.ok()}, {"problem", problem}});
      } else {
        std::puts(absl::StrCat(name, ": ", status.ok() ? "whole" : problem).c_str());
      }
    }
    if (json) PrintJson(results);
    return first_error;
  });
}

}  // namespace voidbox
