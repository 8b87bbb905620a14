#include "image/store/import_files.h"

#include <sys/statvfs.h>

#include <ctime>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "image/store/image_import.h"
#include "image/store/image_name.h"

namespace voidbox {
namespace {

// A file system that shares extents needs less; asking for all the same errs on the safe side.
absl::Status CheckRoom(const std::string& directory, uint64_t needed) {
  struct statvfs room;
  if (::statvfs(directory.c_str(), &room) != 0) return ErrnoStatus(directory);
  const uint64_t available = uint64_t{room.f_bavail} * room.f_frsize;
  if (needed <= available) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the image needs ", needed, " bytes of disk, ",
                                                   directory, " has ", available, " left"));
}

// Adds the initramfs, with the kernel's modules or without, and raises the memory that the image
// needs by them.
absl::Status AddInitramfs(const FileImport& request, const Preflight& found, ImageImport& import,
                          ImageManifest& manifest, Progress& progress) {
  ImageFiles files = request.files;
  const std::string made = absl::StrCat(import.directory(), "/", kModuleInitramfs);
  ASSIGN_OR_RETURN(const std::optional<ImageInput> modules,
                   WriteModuleInitramfs(request.modules, files.initramfs, made));
  if (modules.has_value()) {
    files.initramfs = made;
    ASSIGN_OR_RETURN(const Preflight all, CheckImageFiles(files, request.memory_bytes));
    manifest.minimum_memory_bytes = all.minimum_memory_bytes;
    manifest.inputs.push_back(*modules);
    ASSIGN_OR_RETURN(manifest.initramfs,
                     import.AddMade(kModuleInitramfs, all.initramfs_kind, progress));
  } else if (!files.initramfs.empty()) {
    ASSIGN_OR_RETURN(manifest.initramfs,
                     import.AddFile(files.initramfs, found.initramfs_kind,
                                    absl::StrCat("initramfs ", files.initramfs), progress));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Image> ImportFiles(ImageStore& store, const FileImport& request,
                                  Progress& progress) {
  RETURN_IF_ERROR(ValidateImageName(request.name));
  RETURN_IF_ERROR(CheckCommandLine(request.command_line));
  if (request.files.initramfs.empty() && request.files.rootfs.empty()) {
    return absl::InvalidArgumentError(
        "an image needs an initramfs or a root file system: give --initramfs or --rootfs");
  }
  ASSIGN_OR_RETURN(const Preflight found, CheckImageFiles(request.files, request.memory_bytes));
  RETURN_IF_ERROR(CheckInit(request.files, request.command_line, request.memory_bytes));
  ASSIGN_OR_RETURN(ImageImport import, store.BeginImport(request.name, request.replace, progress));
  RETURN_IF_ERROR(CheckRoom(import.directory(), found.bytes_on_disk));

  const ImageFiles& files = request.files;
  ImageManifest manifest = {.name = request.name,
                            .flavour = request.flavour,
                            .created_unix_seconds = ::time(nullptr),
                            .kernel_release = found.kernel_release,
                            .command_line = request.command_line,
                            .agent = request.agent,
                            .minimum_memory_bytes = found.minimum_memory_bytes,
                            .inputs = request.inputs,
                            .packages = request.packages,
                            .config = request.config};
  ASSIGN_OR_RETURN(manifest.kernel,
                   import.AddFile(files.kernel, found.kernel_kind,
                                  absl::StrCat("kernel ", files.kernel), progress));
  RETURN_IF_ERROR(AddInitramfs(request, found, import, manifest, progress));
  if (!files.rootfs.empty()) {
    ASSIGN_OR_RETURN(
        manifest.rootfs,
        import.AddFile(files.rootfs, "ext4", absl::StrCat("rootfs ", files.rootfs), progress));
  }
  ASSIGN_OR_RETURN(Digest digest, import.Commit(manifest));
  return Image{std::move(manifest), std::move(digest)};
}

}  // namespace voidbox
