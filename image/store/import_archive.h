#ifndef VOIDBOX_IMAGE_STORE_IMPORT_ARCHIVE_H_
#define VOIDBOX_IMAGE_STORE_IMPORT_ARCHIVE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "image/store/module_initramfs.h"
#include "image/store/progress.h"

namespace voidbox {

// An image to be made of a root file system in an archive.
struct ArchiveImport {
  std::string name;
  // One of these: a tar archive, packed or not, or a container image (see ReadOciImage), with the
  // name of the one that is meant, and its platform, where there are several. Both may be a pipe,
  // and "-" is standard input.
  std::string tar;
  std::string oci;
  std::string oci_reference;
  std::string oci_platform;
  std::string kernel;  // vmlinux or bzImage
  // Make an initramfs for the image, whose agent is theirs.
  KernelModules modules;
  std::string agent;  // the binary that becomes the guest's init
  std::string command_line;
  // The guest that the kernel has to fit into.
  uint64_t memory_bytes = 512 << 20;
  bool replace = false;
};

// Reads the archive (ReadTar, ReadOciImage: hostile, bounded), adds what a guest needs
// (AddGuestParts), and imports it as an ext4 root file system; a container image's configuration
// becomes the image's (AdoptContainerConfig). The same archive, agent and kernel give the same
// files on any day. What an image does not carry is logged, once.
absl::StatusOr<Image> ImportArchive(ImageStore& store, const ArchiveImport& request,
                                    Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMPORT_ARCHIVE_H_
