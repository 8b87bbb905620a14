#include "tools/cli/image/image_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/store/image_manifest.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/progress_bar.h"
#include "tools/cli/progress_lines.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

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

int RunInterruptibly(const std::function<absl::Status(Progress& progress)>& operation,
                     ProgressStyle style) {
  const Interrupts interrupts;
  absl::Status status;
  {
    const auto check = [&] { return interrupts.Check(); };
    ProgressBar::Options options = ProgressBar::ForTerminal(check);
    if (style == ProgressStyle::kBarOrLines && !options.is_terminal) {
      ProgressLines lines([](absl::string_view line) { LogInfo(line); }, check);
      status = operation(lines);
    } else {
      options.is_terminal = options.is_terminal && style != ProgressStyle::kNone;
      ProgressBar bar(std::move(options));
      status = operation(bar);
    }
  }
  if (absl::IsCancelled(status) && interrupts.signal() != 0) {
    return kExitSignalBase + interrupts.signal();
  }
  return status.ok() ? 0 : ExitStatusOf(status);
}

}  // namespace voidbox
