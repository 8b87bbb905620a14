#include "image/store/import_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/bounded_json.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/byte_source.h"
#include "image/ext4_writer.h"
#include "image/file_tree.h"
#include "image/guest_parts.h"
#include "image/oci_archive.h"
#include "image/oci_manifest.h"
#include "image/sha256.h"
#include "image/store/container_config.h"
#include "image/store/image_name.h"
#include "image/store/preflight.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

constexpr char kRootfs[] = "rootfs.ext4";  // in the import's directory
constexpr absl::string_view kStandardInput = "-";

struct Archive {
  UniqueFd fd;
  uint64_t bytes = 0;  // 0 for a pipe, which does not tell
};

absl::StatusOr<Archive> OpenArchive(const std::string& path) {
  Archive archive;
  archive.fd.Reset(path == kStandardInput ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!archive.fd || ::fstat(archive.fd.get(), &attributes) != 0) return ErrnoStatus("open");
  if (S_ISREG(attributes.st_mode)) {
    archive.bytes = static_cast<uint64_t>(attributes.st_size);
  } else if (!S_ISFIFO(attributes.st_mode) && !S_ISSOCK(attributes.st_mode)) {
    return absl::InvalidArgumentError("neither a regular file nor a pipe");
  }
  return archive;
}

// Reads from `fd`, telling `progress`, which may end it, and `hash`.
ByteSource WatchedSource(int fd, Sha256& hash, Progress& progress) {
  return [source = DescriptorSource(fd), &hash, &progress](char* data,
                                                           size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t got, source(data, size));
    hash.Update(absl::string_view(data, got));
    RETURN_IF_ERROR(progress.Advance(got));
    return got;
  };
}

// What an archive has.
struct Root {
  FileTree tree;
  ImageInput source;
  AdoptedConfig adopted;
  DroppedParts dropped;
};

std::string FileName(const std::string& path) {
  if (path == kStandardInput) return "standard input";
  return std::filesystem::path(path).lexically_normal().filename().string();
}

bool HasFile(const FileTree& tree, absl::string_view path) {
  const Inode* const file = tree.Resolve(path);
  return file != nullptr && file->type == FileType::kRegular;
}

// Whether the tree is what ReadOciImage reads: a layout, or what `docker save` writes.
bool IsContainerImage(const FileTree& tree) {
  if (HasFile(tree, "index.json") && HasFile(tree, "oci-layout")) return true;
  if (!HasFile(tree, "manifest.json")) return false;
  const auto text = tree.spool().ReadAll(tree.Resolve("manifest.json")->contents, kMaxJsonBytes);
  if (!text.ok()) return false;
  const auto images = ParseDockerManifest(*text);
  return images.ok() && !images->empty() && HasFile(tree, (*images)[0].config);
}

// Files on their way go to `directory`, where the image will be, not to /tmp, which may be small.
absl::StatusOr<Root> ReadTarRoot(const std::string& path, const std::string& directory,
                                 Progress& progress) {
  ASSIGN_OR_RETURN(const Archive archive, OpenArchive(path));
  progress.Begin("reading the archive", archive.bytes);
  Sha256 hash;
  const ByteSource source = WatchedSource(archive.fd.get(), hash, progress);
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create({}, directory));
  ASSIGN_OR_RETURN(TarSummary summary, ReadTar(source, {}, tree));
  if (IsContainerImage(tree)) {
    return absl::InvalidArgumentError(
        absl::StrCat("is a container image, not a root file system: import it with --oci ", path));
  }
  // What follows the archive's end belongs to the file all the same.
  std::string rest(64 << 10, '\0');
  for (size_t got = 1; got != 0;) {
    ASSIGN_OR_RETURN(got, source(rest.data(), rest.size()));
  }
  return Root{.tree = std::move(tree),
              .source = {.name = FileName(path), .digest = Digest(hash.Finish())},
              .dropped = std::move(summary.dropped)};
}

absl::StatusOr<Root> ReadOciRoot(const ArchiveImport& request, const std::string& directory,
                                 Progress& progress) {
  OciOptions options;
  options.reference = request.oci_reference;
  options.platform = request.oci_platform;
  options.spool_directory = directory;
  std::string step;
  uint64_t told = 0;
  absl::Status wanted;  // it cannot be ended in the middle
  options.progress = [&](absl::string_view what, uint64_t done, uint64_t total) {
    if (what != step || done < told) {
      step = std::string(what);
      told = 0;
      progress.Begin(absl::StrCat("reading the ", what), total);
    }
    wanted.Update(progress.Advance(done - told));
    told = done;
  };
  ASSIGN_OR_RETURN(OciImage image, ReadOciImage(request.oci, options));
  RETURN_IF_ERROR(wanted);
  ASSIGN_OR_RETURN(Digest digest, Digest::FromHex(image.digest));
  ASSIGN_OR_RETURN(AdoptedConfig adopted, AdoptContainerConfig(image.config, image.tree));
  return Root{std::move(image.tree),
              {.name = FileName(request.oci),
               .version = request.oci_reference,
               .digest = std::move(digest)},
              std::move(adopted),
              std::move(image.dropped)};
}

absl::StatusOr<Root> ReadRoot(const ArchiveImport& request, const std::string& directory,
                              Progress& progress) {
  const bool is_tar = request.oci.empty();
  auto root = is_tar ? ReadTarRoot(request.tar, directory, progress)
                     : ReadOciRoot(request, directory, progress);
  const std::string archive = absl::StrCat("archive ", is_tar ? request.tar : request.oci);
  if (!root.ok()) return About(archive, root.status());
  // Devices are in most archives, and missed by nobody.
  if (!root->dropped.xattrs.empty()) LogInfo(archive, ": left out ", root->dropped.Description());
  return root;
}

// The file system's own: that of the newest file, so that the same tree gives the same bytes on any
// day, but no later than a day that every clock has passed.
absl::StatusOr<int64_t> OwnTime(const FileTree& tree) {
  constexpr int64_t kLatest = 1767225600;  // 2026-01-01
  int64_t newest = 0;
  RETURN_IF_ERROR(tree.Visit([&](absl::string_view, const Inode& inode) {
    newest = std::max(newest, inode.metadata.mtime);
    return absl::OkStatus();
  }));
  return std::min(newest, kLatest);
}

absl::Status WriteRootfs(const FileTree& tree, const std::string& path, Progress& progress) {
  Ext4Options options;
  ASSIGN_OR_RETURN(options.source_date_epoch, OwnTime(tree));
  uint64_t told = 0;
  absl::Status wanted;  // it cannot be ended in the middle
  options.progress = [&](uint64_t done, uint64_t total) {
    if (told == 0) progress.Begin("writing the root file system", total);
    wanted.Update(progress.Advance(done - told));
    told = done;
  };
  RETURN_IF_ERROR(WriteExt4(tree, path, options).status());
  return wanted;
}

// Adds an initramfs of the kernel's modules, if there are any.
absl::Status AddModules(const ArchiveImport& request, ImageImport& import, ImageManifest& manifest,
                        Progress& progress) {
  const std::string made = absl::StrCat(import.directory(), "/", kModuleInitramfs);
  ASSIGN_OR_RETURN(const std::optional<ImageInput> modules,
                   WriteModuleInitramfs(request.modules, /*initramfs=*/"", made));
  if (!modules.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const Preflight all,
      CheckImageFiles({.kernel = request.kernel, .initramfs = made}, request.memory_bytes));
  manifest.minimum_memory_bytes = all.minimum_memory_bytes;
  manifest.inputs.push_back(*modules);
  ASSIGN_OR_RETURN(manifest.initramfs,
                   import.AddMade(kModuleInitramfs, all.initramfs_kind, progress));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Image> ImportArchive(ImageStore& store, const ArchiveImport& request,
                                    Progress& progress) {
  RETURN_IF_ERROR(ValidateImageName(request.name));
  RETURN_IF_ERROR(CheckCommandLine(request.command_line));
  ASSIGN_OR_RETURN(const Preflight found,
                   CheckImageFiles({.kernel = request.kernel}, request.memory_bytes));
  ASSIGN_OR_RETURN(ImageImport import, store.BeginImport(request.name, request.replace, progress));
  ImageManifest manifest = {.name = request.name,
                            .flavour = "imported",
                            .created_unix_seconds = ::time(nullptr),
                            .kernel_release = found.kernel_release,
                            .command_line = request.command_line,
                            .minimum_memory_bytes = found.minimum_memory_bytes};
  RETURN_IF_ERROR(AddModules(request, import, manifest, progress));
  ASSIGN_OR_RETURN(Root root, ReadRoot(request, import.directory(), progress));
  FileTree& tree = root.tree;
  manifest.inputs.push_back(std::move(root.source));
  manifest.config = root.adopted.config;
  RETURN_IF_ERROR(AddGuestParts(tree, request.agent));
  if (const absl::Status made = MakeDirectories(root.adopted, tree); !made.ok()) {
    return About(absl::StrCat("archive ", request.oci), made);
  }
  const Inode* const agent = tree.Find("sbin/guest-agent");
  ASSIGN_OR_RETURN(const std::string agent_bytes,
                   tree.spool().ReadAll(agent->contents, size_t{64} << 20));
  manifest.agent = Digest::Of(agent_bytes);
  RETURN_IF_ERROR(WriteRootfs(tree, absl::StrCat(import.directory(), "/", kRootfs), progress));
  ASSIGN_OR_RETURN(manifest.rootfs, import.AddMade(kRootfs, "ext4", progress));
  ASSIGN_OR_RETURN(manifest.kernel,
                   import.AddFile(request.kernel, found.kernel_kind,
                                  absl::StrCat("kernel ", request.kernel), progress));
  ASSIGN_OR_RETURN(Digest committed, import.Commit(manifest));
  return Image{std::move(manifest), std::move(committed)};
}

}  // namespace voidbox
