#ifndef VOIDBOX_IMAGE_BUILDER_DOWNLOAD_H_
#define VOIDBOX_IMAGE_BUILDER_DOWNLOAD_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/progress.h"

namespace voidbox {

// Downloads by curl, which takes proxies, certificates and ~/.netrc from where it always does.
// NOT_FOUND says what to install when there is none; UNAVAILABLE has its last line.

// What is at `url`, at most 1 MiB.
absl::StatusOr<std::string> DownloadText(const std::string& url, Progress& progress);

// What is at `url` becomes the file `path`, whose directory is made, if `check` finds it right: it
// gets the name of the file that was fetched. After any failure `path` is as it was.
absl::Status DownloadFile(const std::string& url, const std::string& path,
                          absl::FunctionRef<absl::Status(const std::string&)> check,
                          Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_DOWNLOAD_H_
