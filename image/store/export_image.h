#ifndef VOIDBOX_IMAGE_STORE_EXPORT_IMAGE_H_
#define VOIDBOX_IMAGE_STORE_EXPORT_IMAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "image/store/progress.h"

namespace voidbox {

// Writes the files of an image to `directory`, which is created if need be: vmlinux (or vmlinuz for
// a bzImage), initramfs.cpio with .gz and so on, rootfs.ext4, sbom.spdx.json and manifest.json.
// Returns their paths. Each file appears whole and checked by its digest, or not at all; those of
// an export that failed are removed. ALREADY_EXISTS, before anything is written, when one of them
// is there and not `replace`.
absl::StatusOr<std::vector<std::string>> ExportImage(const ImageStore& store, const Image& image,
                                                     const std::string& directory, bool replace,
                                                     Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_EXPORT_IMAGE_H_
