#ifndef VOIDBOX_IMAGE_STORE_IMPORT_FILES_H_
#define VOIDBOX_IMAGE_STORE_IMPORT_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "image/store/image_manifest.h"
#include "image/store/image_store.h"
#include "image/store/module_initramfs.h"
#include "image/store/preflight.h"
#include "image/store/progress.h"

namespace voidbox {

// An image to be made of files that are there.
struct FileImport {
  std::string name;
  std::string flavour = "imported";
  ImageFiles files;
  // Go into the image's initramfs, or make it one.
  KernelModules modules;
  std::string command_line;
  // The guest that the image has to fit into.
  uint64_t memory_bytes = 512 << 20;
  bool replace = false;
  // What is known beside the files.
  std::optional<Digest> agent;
  std::vector<ImageInput> inputs;
  std::vector<ImagePackage> packages;
  ImageConfig config;
};

// Checks the files (CheckImageFiles) and the room for them before anything is stored, then imports
// copies.
absl::StatusOr<Image> ImportFiles(ImageStore& store, const FileImport& request, Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMPORT_FILES_H_
