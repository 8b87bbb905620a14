#include "image/oci_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/open_beneath.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

class DirectoryFiles final : public OciFiles {
 public:
  explicit DirectoryFiles(UniqueFd directory) : directory_(std::move(directory)) {}

  absl::StatusOr<File> Open(absl::string_view path) const override {
    ASSIGN_OR_RETURN(BeneathFile file, OpenBeneath(directory_.get(), path));
    auto fd = std::make_shared<UniqueFd>(std::move(file.fd));
    return File{.size = file.size,
                .source = [fd, source = DescriptorSource(fd->get())](char* data, size_t size) {
                  return source(data, size);
                }};
  }

 private:
  UniqueFd directory_;
};

class ArchiveFiles final : public OciFiles {
 public:
  explicit ArchiveFiles(FileTree tree) : tree_(std::move(tree)) {}

  absl::StatusOr<File> Open(absl::string_view path) const override {
    const Inode* const inode = tree_.Resolve(path);
    if (inode == nullptr) {
      return absl::NotFoundError(absl::StrCat(absl::CHexEscape(path), ": is not in the archive"));
    }
    if (inode->type != FileType::kRegular) {
      return absl::InvalidArgumentError(
          absl::StrCat(absl::CHexEscape(path), ": is not a regular file"));
    }
    return File{.size = inode->contents.size,
                .source = SpoolSource(tree_.spool(), inode->contents)};
  }

 private:
  FileTree tree_;
};

absl::StatusOr<std::unique_ptr<OciFiles>> ReadArchive(int fd, uint64_t size,
                                                      const OciFilesOptions& options) {
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create(options.limits, options.spool_directory));
  TarOptions tar = {.devices = TarOptions::Devices::kRefuse,
                    .unpack_limits = options.unpack_limits};
  if (options.progress != nullptr) {
    tar.progress = [&](uint64_t bytes) { options.progress(bytes, size); };
  }
  RETURN_IF_ERROR(ReadTar(DescriptorSource(fd), tar, tree).status());
  return std::make_unique<ArchiveFiles>(std::move(tree));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OciFiles>> OpenOciFiles(const std::string& path,
                                                       const OciFilesOptions& options) {
  const bool is_input = path == "-";
  UniqueFd fd(is_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return ErrnoStatus("open");
  if (S_ISDIR(status.st_mode)) return std::make_unique<DirectoryFiles>(std::move(fd));
  return ReadArchive(fd.get(), static_cast<uint64_t>(status.st_size), options);
}

absl::StatusOr<VerifiedFile> VerifiedFile::Open(const OciFiles& files, const std::string& path,
                                                std::string hex, uint64_t size) {
  ASSIGN_OR_RETURN(OciFiles::File file, files.Open(path));
  if (size != 0 && file.size != size) {
    return absl::DataLossError(absl::StrCat(path, ": has ", file.size, " bytes, but ", size,
                                            " according to what names it"));
  }
  return VerifiedFile(path, std::move(hex), std::move(file));
}

ByteSource VerifiedFile::Source() {
  return [this](char* data, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t got, file_.source(data, size));
    if (!hex_.empty()) hash_.Update(absl::string_view(data, got));
    return got;
  };
}

absl::Status VerifiedFile::Finish() {
  if (hex_.empty()) return absl::OkStatus();
  std::string rest(64 << 10, '\0');
  for (size_t got = 1; got != 0;) {
    ASSIGN_OR_RETURN(got, file_.source(rest.data(), rest.size()));
    hash_.Update(absl::string_view(rest).substr(0, got));
  }
  const std::string hex = HexDigest(hash_.Finish());
  if (hex == hex_) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path_, ": is damaged or cut short: its digest is sha256:", hex, ", not sha256:", hex_));
}

}  // namespace voidbox
