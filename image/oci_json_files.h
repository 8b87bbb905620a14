#ifndef VOIDBOX_IMAGE_OCI_JSON_FILES_H_
#define VOIDBOX_IMAGE_OCI_JSON_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/oci_files.h"

namespace voidbox {

// In an image layout: where a file lies that its digest names (image-spec, image-layout.md).
inline constexpr absl::string_view kOciBlobs = "blobs/sha256/";

// Puts a name in front of an error.
absl::Status NamedStatus(absl::string_view name, const absl::Status& status);

// Reads the descriptions in a container image. All of them together are bounded, however often a
// hostile index names them. One thread at a time.
class OciJsonFiles {
 public:
  explicit OciJsonFiles(const OciFiles& files) : files_(files) {}

  // A file of at most 4 MiB. `hex` and `size` as for VerifiedFile. INVALID_ARGUMENT or
  // RESOURCE_EXHAUSTED at a limit, DATA_LOSS for a file that is not the one named, NOT_FOUND.
  absl::StatusOr<std::string> Read(const std::string& path, const std::string& hex, uint64_t size);

  const OciFiles& files() const { return files_; }

 private:
  const OciFiles& files_;
  uint64_t bytes_ = 0;  // read so far
  size_t reads_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_JSON_FILES_H_
