#include "tools/cli/image/image_session.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/store/image_manifest.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/progress_bar.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

void AddImageFormat(CLI::App& app, std::string& format) {
  app.add_option("--format", format,
                 "text for people, json for programs (default: text on a terminal, else json)")
      ->check(CLI::IsMember({"text", "json"}));
}

bool WantsJson(const std::string& format) {
  return format.empty() ? ::isatty(STDOUT_FILENO) != 1 : format == "json";
}

void PrintJson(const nlohmann::json& json) {
  std::puts(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

absl::StatusOr<ImageStore> OpenImageStore(bool changes) {
  ASSIGN_OR_RETURN(const std::string home, VoidboxHome());
  ASSIGN_OR_RETURN(ImageStore store, ImageStore::Open(home));
  if (!IsInsideHost()) {
    store.Tidy();
  } else if (changes) {
    return absl::FailedPreconditionError(
        "images are changed on the machine itself, not inside its emulated KVM host");
  }
  return store;
}

nlohmann::json DescribeImage(const ImageStore& store, const Image& image) {
  nlohmann::json json = nlohmann::json::parse(SerializeManifest(image.manifest));
  json["digest"] = image.digest.ToString();
  json["bytes"] = image.Bytes();
  json["in_use"] = store.IsInUse(image);
  return json;
}

int RunInterruptibly(const std::function<absl::Status(Progress& progress)>& operation) {
  const Interrupts interrupts;
  absl::Status status;
  {
    ProgressBar progress(ProgressBar::ForTerminal([&] { return interrupts.Check(); }));
    status = operation(progress);
  }
  if (absl::IsCancelled(status) && interrupts.signal() != 0) {
    return kExitSignalBase + interrupts.signal();
  }
  return status.ok() ? 0 : ExitStatusOf(status);
}

}  // namespace voidbox
