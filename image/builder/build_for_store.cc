#include "image/builder/build_for_store.h"

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/builder/image_builder.h"
#include "image/builder/sbom.h"
#include "image/store/image_name.h"
#include "image/store/preflight.h"

namespace voidbox {
namespace {

// The memory that `voidbox run` gives: an image that does not fit into it is of no use.
constexpr uint64_t kMemoryBytes = uint64_t{512} << 20;

ImageManifest Describe(const FlavourDefinition& flavour, const Build& build,
                       const std::string& name) {
  ImageManifest manifest = {.name = name,
                            .flavour = flavour.name,
                            .created_unix_seconds = ::time(nullptr),
                            .agent = build.agent,
                            .inputs = build.inputs};
  for (const Component& component : build.components) {
    manifest.packages.push_back({.name = component.name, .version = component.version});
  }
  return manifest;
}

}  // namespace

absl::StatusOr<Image> BuildForStore(const FlavourDefinition& flavour, const BuildOptions& options,
                                    const std::string& name, ImageStore& store,
                                    Progress& progress) {
  RETURN_IF_ERROR(ValidateImageName(name));
  ASSIGN_OR_RETURN(Build build, BuildTree(flavour, options, progress));
  RETURN_IF_ERROR(RecordKernel(build));
  ImageManifest manifest = Describe(flavour, build, name);

  ASSIGN_OR_RETURN(ImageImport import, store.BeginImport(name, /*replace=*/true, progress));
  const bool is_initramfs = flavour.form == ImageForm::kInitramfs;
  // Not packed: unpacking takes the guest longer than it takes us to read what is saved.
  const std::string file = is_initramfs ? "initramfs.cpio" : "rootfs.ext4";
  const std::string path = absl::StrCat(import.directory(), "/", file);
  RETURN_IF_ERROR(WriteTree(flavour.form, build, path));
  ASSIGN_OR_RETURN(const Preflight found, CheckImageFiles({.kernel = options.kernel,
                                                           .initramfs = is_initramfs ? path : "",
                                                           .rootfs = is_initramfs ? "" : path},
                                                          kMemoryBytes));
  manifest.minimum_memory_bytes = found.minimum_memory_bytes;
  ASSIGN_OR_RETURN(BlobReference tree,
                   import.AddMade(file, is_initramfs ? found.initramfs_kind : "ext4", progress));
  (is_initramfs ? manifest.initramfs : manifest.rootfs) = std::move(tree);
  ASSIGN_OR_RETURN(manifest.kernel,
                   import.AddFile(options.kernel, found.kernel_kind,
                                  absl::StrCat("kernel ", options.kernel), progress));
  ASSIGN_OR_RETURN(
      manifest.sbom,
      import.AddBytes(MakeSbom(name, build.components, options.source_date_epoch), "spdx+json"));
  ASSIGN_OR_RETURN(Digest digest, import.Commit(manifest));
  return Image{std::move(manifest), std::move(digest)};
}

}  // namespace voidbox
