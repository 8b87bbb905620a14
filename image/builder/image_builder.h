#ifndef VOIDBOX_IMAGE_BUILDER_IMAGE_BUILDER_H_
#define VOIDBOX_IMAGE_BUILDER_IMAGE_BUILDER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/builder/build.h"
#include "image/builder/flavour_definition.h"

namespace voidbox {

// The one way in which images are made, for the store, for a directory, and for the built-in image.

// Runs the flavour's steps. The same options, with the same files behind them and the same
// packages, give the same tree, wherever, whenever and by whomever it is done.
absl::StatusOr<Build> BuildTree(const FlavourDefinition& flavour, const BuildOptions& options,
                                Progress& progress);

// Writes a flavour's initramfs, packed as the ending of `path` says, or its root file system; at
// `path` once it is whole.
absl::Status WriteTree(ImageForm form, const Build& build, const std::string& path);

// Adds the kernel to what the image is made of.
absl::Status RecordKernel(Build& build);

// Whether a path is to be a file by its ending: an initramfs (.cpio, packed or not) or .ext4.
bool NamesFile(absl::string_view path);
// Writes such a file alone; directories on the way are made. INVALID_ARGUMENT when the flavour has
// the other form.
absl::Status BuildIntoFile(const FlavourDefinition& flavour, const BuildOptions& options,
                           const std::string& path, Progress& progress);

// Writes to `directory`, which is made if need be: vmlinux, sbom.spdx.json, and initramfs.cpio.gz
// or rootfs.ext4. Each appears when it is whole. Returns their paths.
absl::StatusOr<std::vector<std::string>> BuildIntoDirectory(const FlavourDefinition& flavour,
                                                            const BuildOptions& options,
                                                            const std::string& directory,
                                                            Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_IMAGE_BUILDER_H_
