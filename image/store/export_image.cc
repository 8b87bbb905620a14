#include "image/store/export_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "image/store/sparse_file.h"

namespace voidbox {
namespace {

struct ExportedFile {
  std::string path;
  BlobReference blob;
};

// The suffix of a compressed initramfs, by its kind.
std::string SuffixOf(const std::string& initramfs_kind) {
  static const auto& suffixes = *new std::map<std::string, std::string>{
      {"cpio+gzip", ".gz"},   {"cpio+lz4", ".lz4"},   {"cpio+zstd", ".zst"}, {"cpio+xz", ".xz"},
      {"cpio+lzma", ".lzma"}, {"cpio+bzip2", ".bz2"}, {"cpio+lzo", ".lzo"}};
  const auto found = suffixes.find(initramfs_kind);
  return found == suffixes.end() ? "" : found->second;
}

std::vector<ExportedFile> FilesOf(const ImageManifest& manifest, const std::string& directory) {
  std::vector<ExportedFile> files;
  const auto add = [&](const std::string& name, const BlobReference& blob) {
    files.push_back({absl::StrCat(directory, "/", name), blob});
  };
  add(manifest.kernel.kind == "bzimage" ? "vmlinuz" : "vmlinux", manifest.kernel);
  if (manifest.initramfs.has_value()) {
    add(absl::StrCat("initramfs.cpio", SuffixOf(manifest.initramfs->kind)), *manifest.initramfs);
  }
  if (manifest.rootfs.has_value()) add("rootfs.ext4", *manifest.rootfs);
  if (manifest.sbom.has_value()) add("sbom.spdx.json", *manifest.sbom);
  return files;
}

// Files that vanish again unless they are kept.
class WrittenFiles {
 public:
  ~WrittenFiles() {
    for (const std::string& path : paths_) ::unlink(path.c_str());
  }
  void Add(std::string path) { paths_.push_back(std::move(path)); }
  void KeepAll() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

std::string PartOf(const std::string& path) { return absl::StrCat(path, ".part"); }

absl::Status WritePart(const ImageStore& store, const ExportedFile& file, WrittenFiles& written,
                       Progress& progress) {
  ASSIGN_OR_RETURN(const StoreDirectory::File source, store.OpenBlob(file.blob));
  const std::string part = PartOf(file.path);
  // A part that is there is of an export that was killed.
  ::unlink(part.c_str());
  const UniqueFd target(
      ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!target) return ErrnoStatus(part);
  written.Add(part);
  progress.Begin(absl::StrCat("exporting ", file.path.substr(file.path.rfind('/') + 1)),
                 file.blob.bytes);
  const auto digest = CopySparsely(source.fd.get(), target.get(), file.blob.bytes, progress);
  if (!digest.ok()) {
    return absl::Status(digest.status().code(),
                        absl::StrCat(file.path, ": ", digest.status().message()));
  }
  if (*digest == file.blob.digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file.blob.kind, " ", file.blob.digest.ToString(),
                                          " was altered: its digest is ", digest->ToString()));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExportImage(const ImageStore& store, const Image& image,
                                                     const std::string& directory, bool replace,
                                                     Progress& progress) {
  const std::vector<ExportedFile> files = FilesOf(image.manifest, directory);
  const std::string manifest_path = absl::StrCat(directory, "/manifest.json");
  std::vector<std::string> paths;
  paths.reserve(files.size() + 1);
  for (const ExportedFile& file : files) paths.push_back(file.path);
  paths.push_back(manifest_path);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(directory, error.value());
  for (const std::string& path : paths) {
    struct stat attributes;
    if (!replace && ::lstat(path.c_str(), &attributes) == 0) {
      return absl::AlreadyExistsError(absl::StrCat(path, " is there already; --force replaces it"));
    }
  }
  WrittenFiles written;
  for (const ExportedFile& file : files) {
    RETURN_IF_ERROR(WritePart(store, file, written, progress));
  }
  for (const ExportedFile& file : files) {
    if (::rename(PartOf(file.path).c_str(), file.path.c_str()) != 0) {
      return ErrnoStatus(file.path);
    }
    written.Add(file.path);
  }
  RETURN_IF_ERROR(WriteFileAtomically(manifest_path, SerializeManifest(image.manifest)));
  written.KeepAll();
  return paths;
}

}  // namespace voidbox
