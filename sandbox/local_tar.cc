#include "sandbox/local_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr size_t kMaxNameBytes = 4096;

using Archive = std::unique_ptr<archive, int (*)(archive*)>;
using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

absl::Status ArchiveError(archive* archive, const std::string& what) {
  const char* const text = archive_error_string(archive);
  return absl::InternalError(absl::StrCat(what, ": ", text != nullptr ? text : "unknown error"));
}

// One stream that is written.
class Packer {
 public:
  Packer(int output, const TarProgress& progress)
      : archive_(archive_write_new(), archive_write_free),
        progress_(progress),
        piece_(kPieceBytes) {
    archive_write_set_format_pax_restricted(archive_.get());
    archive_write_set_bytes_per_block(archive_.get(), kPieceBytes);
    archive_write_set_bytes_in_last_block(archive_.get(), 512);
    opened_ = archive_write_open_fd(archive_.get(), output) == ARCHIVE_OK;
  }

  absl::Status Add(const std::string& path, const std::string& name, bool follow) {
    if (!opened_) return ArchiveError(archive_.get(), "tar stream");
    struct stat info;
    if ((follow ? ::stat(path.c_str(), &info) : ::lstat(path.c_str(), &info)) != 0) {
      return ErrnoStatus(path);
    }
    if (S_ISREG(info.st_mode)) return AddFile(path, name);
    if (!S_ISDIR(info.st_mode)) {
      ++counts_.left_out;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(WriteHeader(info, name));
    std::error_code error;
    for (std::filesystem::directory_iterator it(path, error), end; it != end; it.increment(error)) {
      if (error) break;
      const std::string last = it->path().filename().string();
      RETURN_IF_ERROR(Add(it->path().string(), absl::StrCat(name, "/", last), /*follow=*/false));
    }
    if (error) return ErrnoStatus(path, error.value());
    return absl::OkStatus();
  }

  absl::StatusOr<TarCounts> Finish() {
    if (archive_write_close(archive_.get()) != ARCHIVE_OK) {
      return ArchiveError(archive_.get(), "tar stream");
    }
    return counts_;
  }

 private:
  absl::Status WriteHeader(const struct stat& info, const std::string& name) {
    const Entry entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), info.st_mode & S_IFMT);
    archive_entry_set_perm(entry.get(), info.st_mode & 0777);
    archive_entry_set_mtime(entry.get(), info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    if (S_ISREG(info.st_mode)) archive_entry_set_size(entry.get(), info.st_size);
    if (archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) {
      return ArchiveError(archive_.get(), name);
    }
    return absl::OkStatus();
  }

  absl::Status AddFile(const std::string& path, const std::string& name) {
    // Not O_NOFOLLOW: the path that was asked for may be a link. Not blocking, should it have
    // become a pipe meanwhile.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info;
    if (!file || ::fstat(file.get(), &info) != 0) return ErrnoStatus(path);
    if (!S_ISREG(info.st_mode)) {
      return absl::AbortedError(absl::StrCat(path, ": changed while it was read"));
    }
    RETURN_IF_ERROR(WriteHeader(info, name));
    ++counts_.files;
    for (uint64_t left = static_cast<uint64_t>(info.st_size); left > 0;) {
      const ssize_t got =
          ::read(file.get(), piece_.data(), std::min<uint64_t>(left, piece_.size()));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(path);
      if (got == 0)
        return absl::AbortedError(absl::StrCat(path, ": became shorter while it was read"));
      if (archive_write_data(archive_.get(), piece_.data(), static_cast<size_t>(got)) != got) {
        return ArchiveError(archive_.get(), path);
      }
      left -= static_cast<uint64_t>(got);
      counts_.bytes += static_cast<uint64_t>(got);
      RETURN_IF_ERROR(progress_(static_cast<uint64_t>(got)));
    }
    return absl::OkStatus();
  }

  const Archive archive_;
  const TarProgress& progress_;
  std::vector<char> piece_;
  TarCounts counts_;
  bool opened_ = false;
};

// The name with its first part replaced; INVALID_ARGUMENT for one that could leave the directory.
absl::StatusOr<std::string> SafeName(const char* name, const std::string& rename) {
  const absl::string_view text = name == nullptr ? "" : name;
  if (text.empty() || text.size() > kMaxNameBytes || text[0] == '/') {
    return absl::InvalidArgumentError(absl::StrCat("tar entry '", text, "': not a relative name"));
  }
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(text, '/', absl::SkipEmpty())) {
    if (part == "..") {
      return absl::InvalidArgumentError(absl::StrCat("tar entry '", text, "': contains '..'"));
    }
    if (part != ".") parts.push_back(part);
  }
  std::string result;
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::StrAppend(&result, i == 0 ? "" : "/", i == 0 && !rename.empty() ? rename : parts[i]);
  }
  return result;
}

class Unpacker {
 public:
  Unpacker(int input, const std::string& directory, const std::string& rename,
           const TarProgress& progress)
      : input_(archive_read_new(), archive_read_free),
        disk_(archive_write_disk_new(), archive_write_free),
        directory_(directory),
        rename_(rename),
        progress_(progress) {
    archive_read_support_format_tar(input_.get());
    archive_write_disk_set_options(
        disk_.get(), ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_UNLINK);
    opened_ = archive_read_open_fd(input_.get(), input, kPieceBytes) == ARCHIVE_OK;
  }

  absl::StatusOr<TarCounts> Run() {
    if (!opened_) return ArchiveError(input_.get(), "tar stream");
    for (;;) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(input_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
        return ArchiveError(input_.get(), "tar stream");
      }
      RETURN_IF_ERROR(TakeEntry(entry));
    }
    if (archive_write_close(disk_.get()) != ARCHIVE_OK)
      return ArchiveError(disk_.get(), directory_);
    return counts_;
  }

 private:
  absl::Status TakeEntry(archive_entry* entry) {
    const auto type = archive_entry_filetype(entry);
    ASSIGN_OR_RETURN(const std::string name, SafeName(archive_entry_pathname(entry), rename_));
    if ((type != AE_IFREG && type != AE_IFDIR) || archive_entry_hardlink(entry) != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("tar entry '", name, "': neither file nor directory"));
    }
    if (name.empty()) return absl::OkStatus();  // the directory itself
    RETURN_IF_ERROR(CheckParents(name));
    archive_entry_set_pathname(entry, absl::StrCat(directory_, "/", name).c_str());
    archive_entry_set_perm(entry, archive_entry_perm(entry) & 0777);
    const int result = archive_write_header(disk_.get(), entry);
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return ArchiveError(disk_.get(), name);
    if (type == AE_IFREG) {
      ++counts_.files;
      RETURN_IF_ERROR(CopyData(name));
    }
    if (archive_write_finish_entry(disk_.get()) < ARCHIVE_WARN) {
      return ArchiveError(disk_.get(), name);
    }
    return absl::OkStatus();
  }

  // No link of this machine on the way down from the directory, which itself may be one: what the
  // stream makes is none, but some may have been there before.
  absl::Status CheckParents(const std::string& name) const {
    for (size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      struct stat info;
      const std::string parent = absl::StrCat(directory_, "/", name.substr(0, slash));
      if (::lstat(parent.c_str(), &info) == 0 && !S_ISDIR(info.st_mode)) {
        return absl::InvalidArgumentError(
            absl::StrCat(parent,
                         ": is there and no directory; remove it, or choose another "
                         "destination"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CopyData(const std::string& name) {
    for (;;) {
      const void* data = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(input_.get(), &data, &size, &offset);
      if (result == ARCHIVE_EOF) return absl::OkStatus();
      if (result != ARCHIVE_OK) return ArchiveError(input_.get(), name);
      if (archive_write_data_block(disk_.get(), data, size, offset) < ARCHIVE_OK) {
        return ArchiveError(disk_.get(), name);
      }
      counts_.bytes += size;
      RETURN_IF_ERROR(progress_(size));
    }
  }

  const Archive input_;
  const Archive disk_;
  const std::string directory_;
  const std::string rename_;
  const TarProgress& progress_;
  TarCounts counts_;
  bool opened_ = false;
};

}  // namespace

absl::StatusOr<TarCounts> PackTar(const std::string& path, const std::string& name, int output,
                                  const TarProgress& progress) {
  Packer packer(output, progress);
  RETURN_IF_ERROR(packer.Add(path, name, /*follow=*/true));
  return packer.Finish();
}

absl::StatusOr<uint64_t> MeasureTree(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const uint64_t size = std::filesystem::file_size(path, error);
    if (error) return ErrnoStatus(path, error.value());
    return size;
  }
  uint64_t bytes = 0;
  for (std::filesystem::recursive_directory_iterator it(path, error), end; it != end;
       it.increment(error)) {
    if (error) break;
    std::error_code ignored;
    if (it->is_regular_file(ignored) && !it->is_symlink(ignored)) bytes += it->file_size(ignored);
  }
  if (error) return ErrnoStatus(path, error.value());
  return bytes;
}

absl::StatusOr<TarCounts> UnpackTar(int input, const std::string& directory,
                                    const std::string& rename, const TarProgress& progress) {
  return Unpacker(input, directory, rename, progress).Run();
}

}  // namespace voidbox
