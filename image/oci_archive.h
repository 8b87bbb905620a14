#ifndef VOIDBOX_IMAGE_OCI_ARCHIVE_H_
#define VOIDBOX_IMAGE_OCI_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"
#include "image/oci_manifest.h"
#include "image/tar_reader.h"
#include "image/unpacked_stream.h"

namespace voidbox {

struct OciOptions {
  // Which image of several: a ref name of the index, or a tag of `docker save`. Empty where there
  // is one image only.
  std::string reference;
  FileTreeLimits limits;       // of an archive's files, and of the image's
  UnpackLimits unpack_limits;  // of an archive, and of each layer
  TarOptions::Devices devices = TarOptions::Devices::kDrop;
  // Called with what is read ("archive" or "layers"), the bytes read of it and all there are; may
  // be null.
  std::function<void(absl::string_view what, uint64_t done, uint64_t total)> progress;
};

struct OciImage {
  FileTree tree;
  OciImageConfig config;
  std::string digest;  // 64 digits: SHA-256 of the manifest, or of a `docker save`'s config
  size_t layers = 0;
};

// Reads a container image from an OCI image layout, a directory or a tar archive of one, or from an
// archive of `docker save`. Every file is checked against the digest and the size that name it; the
// image is the one for linux/amd64; the layers are applied in order with their whiteouts (OCI
// image-spec, layer.md), each entry under the rules of ReadTar.
//
// Errors: INVALID_ARGUMENT for what is no image or breaks a rule, NOT_FOUND for what is missing and
// when there is no image for the platform, DATA_LOSS for files that are not the ones named,
// FAILED_PRECONDITION when `reference` is needed, RESOURCE_EXHAUSTED at a limit.
absl::StatusOr<OciImage> ReadOciImage(const std::string& path, const OciOptions& options);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_ARCHIVE_H_
