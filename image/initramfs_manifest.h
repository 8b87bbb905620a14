#ifndef VOIDBOX_IMAGE_INITRAMFS_MANIFEST_H_
#define VOIDBOX_IMAGE_INITRAMFS_MANIFEST_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "image/cpio_writer.h"

namespace voidbox {

// Adds what a manifest lists. One entry a line, words separated by blanks, '#' begins a comment:
//   dir   PATH MODE UID GID
//   file  PATH MODE UID GID SOURCE          a file of the machine that makes the image
//   link  PATH TARGET                       symbolic
//   char  PATH MODE UID GID MAJOR MINOR
// MODE is octal. Errors name the line.
absl::Status AddManifest(absl::string_view manifest, CpioWriter& writer);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_INITRAMFS_MANIFEST_H_
