#include "image/builder/image_builder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/sbom.h"
#include "image/compress.h"
#include "image/ext4_writer.h"
#include "image/store/sparse_file.h"
#include "image/tree_cpio.h"

namespace voidbox {
namespace {

absl::Status CreateDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? ErrnoStatus(path, error.value()) : absl::OkStatus();
}

// A file on its way: removed with this object unless it was published.
class PartialFile {
 public:
  explicit PartialFile(const std::string& path)
      : final_(path), partial_(absl::StrCat(path, ".part")) {}
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() { std::remove(partial_.c_str()); }

  const std::string& path() const { return partial_; }
  absl::Status Publish() {
    return std::rename(partial_.c_str(), final_.c_str()) == 0 ? absl::OkStatus()
                                                              : ErrnoStatus(final_);
  }

 private:
  const std::string final_, partial_;
};

absl::Status WriteInitramfs(const Build& build, Compression compression, const std::string& path) {
  build.progress.Begin("packing the initramfs", 0);
  ASSIGN_OR_RETURN(const std::string archive, MakeCpio(build.tree));
  RETURN_IF_ERROR(build.progress.Advance(0));
  ASSIGN_OR_RETURN(const std::string packed, Compress(archive, compression));
  RETURN_IF_ERROR(build.progress.Advance(0));
  return WriteFileAtomically(path, packed);
}

absl::Status WriteRootfs(const Build& build, const std::string& path) {
  PartialFile file(path);
  Ext4Options options;
  options.source_date_epoch = build.options.source_date_epoch;
  options.label = "voidbox";
  uint64_t told = 0;
  absl::Status wanted;  // it cannot be ended in the middle
  options.progress = [&](uint64_t done, uint64_t total) {
    if (told == 0) build.progress.Begin("writing the root file system", total);
    wanted.Update(build.progress.Advance(done - told));
    told = done;
  };
  RETURN_IF_ERROR(WriteExt4(build.tree, file.path(), options).status());
  RETURN_IF_ERROR(wanted);
  return file.Publish();
}

absl::Status CopyFileTo(const std::string& source, const std::string& path, Progress& progress) {
  const UniqueFd from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!from || ::fstat(from.get(), &attributes) != 0) return ErrnoStatus(source);
  PartialFile file(path);
  const UniqueFd to(::open(file.path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!to) return ErrnoStatus(file.path());
  const auto bytes = static_cast<uint64_t>(attributes.st_size);
  progress.Begin("copying the kernel", bytes);
  RETURN_IF_ERROR(CopySparsely(from.get(), to.get(), bytes, progress).status());
  return file.Publish();
}

}  // namespace

absl::StatusOr<Build> BuildTree(const FlavourDefinition& flavour, const BuildOptions& options,
                                Progress& progress) {
  if (!options.cache_directory.empty()) RETURN_IF_ERROR(CreateDirectory(options.cache_directory));
  // Large files go where the cache is, not to /tmp, which may be small.
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create({}, options.cache_directory));
  Build build = {.options = options,
                 .progress = progress,
                 .tree = std::move(tree),
                 .components = {},
                 .inputs = {},
                 .agent = {}};
  for (const FlavourDefinition::Step step : flavour.steps) {
    RETURN_IF_ERROR(progress.Advance(0));
    RETURN_IF_ERROR(step(build));
  }
  build.tree.NormalizeTimes(options.source_date_epoch);
  return build;
}

absl::Status WriteTree(ImageForm form, const Build& build, const std::string& path) {
  switch (form) {
    case ImageForm::kInitramfs:
      return WriteInitramfs(build, CompressionOfName(path), path);
    case ImageForm::kRootfs:
      return WriteRootfs(build, path);
  }
  return absl::OkStatus();
}

absl::Status RecordKernel(Build& build) {
  ASSIGN_OR_RETURN(const std::string config, ReadFile(build.options.kernel_config));
  // "# Linux/x86 6.1.192 Kernel Configuration" is its third line.
  std::string version = "unknown";
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(config).substr(0, 256), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() == 5 && words[3] == "Kernel") version = std::string(words[2]);
  }
  const Digest digest = Digest::Of(config);
  build.components.push_back({.name = "linux",
                              .version = version,
                              .purl = absl::StrCat("pkg:generic/linux@", version),
                              .digest = {},
                              .comment = absl::StrCat("configuration ", digest.ToString())});
  build.inputs.push_back({.name = "kernel configuration", .version = version, .digest = digest});
  return absl::OkStatus();
}

bool NamesFile(absl::string_view path) {
  for (const char* const ending : {".cpio", ".cpio.gz", ".cpio.lz4", ".cpio.zst", ".ext4"}) {
    if (absl::EndsWith(path, ending)) return true;
  }
  return false;
}

absl::Status BuildIntoFile(const FlavourDefinition& flavour, const BuildOptions& options,
                           const std::string& path, Progress& progress) {
  const ImageForm form = absl::EndsWith(path, ".ext4") ? ImageForm::kRootfs : ImageForm::kInitramfs;
  if (form != flavour.form) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the flavour ", flavour.name,
                                                   flavour.form == ImageForm::kInitramfs
                                                       ? " is an initramfs (.cpio.gz)"
                                                       : " is a root file system (.ext4)"));
  }
  const std::string directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) RETURN_IF_ERROR(CreateDirectory(directory));
  ASSIGN_OR_RETURN(const Build build, BuildTree(flavour, options, progress));
  RETURN_IF_ERROR(WriteTree(form, build, path));
  progress.Begin("", 0);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> BuildIntoDirectory(const FlavourDefinition& flavour,
                                                            const BuildOptions& options,
                                                            const std::string& directory,
                                                            Progress& progress) {
  RETURN_IF_ERROR(CreateDirectory(directory));
  ASSIGN_OR_RETURN(Build build, BuildTree(flavour, options, progress));
  RETURN_IF_ERROR(RecordKernel(build));
  const std::string tree = absl::StrCat(
      directory, flavour.form == ImageForm::kInitramfs ? "/initramfs.cpio.gz" : "/rootfs.ext4");
  RETURN_IF_ERROR(WriteTree(flavour.form, build, tree));
  const std::string kernel = absl::StrCat(directory, "/vmlinux");
  RETURN_IF_ERROR(CopyFileTo(options.kernel, kernel, progress));
  const std::string sbom = absl::StrCat(directory, "/sbom.spdx.json");
  RETURN_IF_ERROR(WriteFileAtomically(
      sbom, MakeSbom(flavour.name, build.components, options.source_date_epoch)));
  progress.Begin("", 0);
  return std::vector<std::string>{kernel, tree, sbom};
}

}  // namespace voidbox
