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
  // Which image of several: a name, as the archive has it or short for it as Docker completes
  // names (ReferenceNames), or a digest (ReferenceIsDigest). Empty where there is one image only.
  std::string reference;
  // "linux/amd64/v3" for a variant; empty for the plainest that there is.
  std::string platform;
  FileTreeLimits limits;  // of an archive's files, and of the image's
  // Where they lie on their way, as in ContentSpool::Create.
  std::string spool_directory;
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
  DroppedParts dropped;  // of the layers
};

// Reads a container image from an OCI image layout, a directory or a tar archive of one, or from an
// archive of `docker save` (which Podman, crane, ko, Jib and Bazel's rules write too). `path` may
// be a pipe, and "-" is standard input. Every file of a layout is checked against the digest and
// the size that name it, and the layers of `docker save` against their diff_ids, once unpacked. The
// image is the one for linux/amd64, plain before a variant, and the first of several in one index;
// what is no image is passed by. The layers are applied in order with their whiteouts (OCI
// image-spec, layer.md), each entry under the rules of ReadTar; one need not have an end mark.
//
// Errors, which do not name `path`: INVALID_ARGUMENT for what is no image or breaks a rule,
// NOT_FOUND for what is missing and when there is no image for the platform, DATA_LOSS for files
// that are not the ones named, FAILED_PRECONDITION when `reference` is needed, RESOURCE_EXHAUSTED
// at a limit.
absl::StatusOr<OciImage> ReadOciImage(const std::string& path, const OciOptions& options);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_ARCHIVE_H_
