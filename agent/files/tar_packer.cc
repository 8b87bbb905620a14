#include "agent/files/tar_packer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/files/beneath.h"
#include "agent/files/directory_entries.h"
#include "agent/files/staging.h"
#include "agent/files/utf8_locale.h"
#include "agent/files/workspace_path.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
// The stream is faster than the network behind it, mostly, and zlib slower than both.
constexpr char kCompressionLevel[] = "1";
constexpr mode_t kPermissions = 0777;

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

class Packer {
 public:
  Packer(const TarSource& source, const PieceSink& sink)
      : source_(source), sink_(sink), buffer_(new char[kPieceBytes]) {}

  absl::StatusOr<TarCount> Pack(bool gzip) {
    const Utf8Locale locale;
    RETURN_IF_ERROR(Open(gzip));
    absl::Status status = AddTop();
    if (status.ok() && archive_write_close(writer_.get()) != ARCHIVE_OK) status = WriterError();
    // libarchive closes an archive that it frees: of one that failed, nothing more is to be sent.
    failed_ = !status.ok();
    if (failed_) return status;
    return count_;
  }

 private:
  static la_ssize_t Write(archive* writer, void* self, const void* data, size_t size) {
    auto& that = *static_cast<Packer*>(self);
    if (that.failed_) return -1;
    that.sink_status_ = that.sink_({static_cast<const char*>(data), size});
    if (that.sink_status_.ok()) return static_cast<la_ssize_t>(size);
    archive_set_error(writer, EIO, "the stream failed");
    return -1;
  }

  absl::Status Open(bool gzip) {
    writer_.reset(archive_write_new());
    entry_.reset(archive_entry_new());
    archive* const writer = writer_.get();
    if (writer == nullptr || entry_ == nullptr) {
      return absl::ResourceExhaustedError("tar archive: no memory");
    }
    bool ready = archive_write_set_format_pax_restricted(writer) == ARCHIVE_OK;
    if (gzip) {
      ready &= archive_write_add_filter_gzip(writer) == ARCHIVE_OK &&
               archive_write_set_filter_option(writer, "gzip", "compression-level",
                                               kCompressionLevel) == ARCHIVE_OK;
    }
    // Without blocks of its own it hands on what it is given.
    ready &= archive_write_set_bytes_per_block(writer, 0) == ARCHIVE_OK &&
             archive_write_open(writer, this, nullptr, Write, nullptr) == ARCHIVE_OK;
    return ready ? absl::OkStatus() : WriterError();
  }

  absl::Status WriterError() const {
    if (!sink_status_.ok()) return sink_status_;
    const char* const why = archive_error_string(writer_.get());
    return absl::InternalError(absl::StrCat("tar archive: ", why == nullptr ? "failed" : why));
  }

  absl::Status AddTop() {
    if (source_.path.empty()) {
      ASSIGN_OR_RETURN(const UniqueFd root, OpenBeneath(source_.root, ".", O_PATH | O_DIRECTORY));
      return AddContents(root.get(), "", 1);
    }
    ASSIGN_OR_RETURN(const Parent parent, OpenParent(source_.root, source_.path));
    const std::string path = JoinPath(source_.path);
    ASSIGN_OR_RETURN(const UniqueFd top, OpenBeneath(parent.directory.get(), parent.name, O_PATH));
    struct stat info;
    if (::fstat(top.get(), &info) != 0) return PathStatus(path, errno);
    if (S_ISDIR(info.st_mode) && source_.contents_only) return AddContents(top.get(), "", 1);
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat("path ", ShownPath(path), ": neither a file nor a directory"));
    }
    return Add(parent.directory.get(), parent.name, parent.name, 0);
  }

  // The entry `name` in `parent`, as `path` in the archive.
  absl::Status Add(int parent, const std::string& name, const std::string& path, size_t depth) {
    struct stat info;
    if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      // Removed since its name was read.
      return errno == ENOENT ? absl::OkStatus() : PathStatus(path, errno);
    }
    if (S_ISREG(info.st_mode)) return AddFile(parent, name, path);
    if (S_ISDIR(info.st_mode)) return AddDirectory(parent, name, path, depth);
    ++count_.left_out;
    return absl::OkStatus();
  }

  absl::Status AddDirectory(int parent, const std::string& name, const std::string& path,
                            size_t depth) {
    if (depth >= kMaxDepth) {
      return absl::InvalidArgumentError(absl::StrCat(
          "path ", ShownPath(path), ": is deeper than the limit of ", kMaxDepth, " levels"));
    }
    ASSIGN_OR_RETURN(const UniqueFd directory, OpenBeneath(parent, name, O_PATH | O_DIRECTORY));
    struct stat info;
    if (::fstat(directory.get(), &info) != 0) return PathStatus(path, errno);
    RETURN_IF_ERROR(WriteHeader(path, info));
    return AddContents(directory.get(), path, depth + 1);
  }

  absl::Status AddContents(int directory, const std::string& path, size_t depth) {
    ASSIGN_OR_RETURN(DirectoryEntries entries, DirectoryEntries::Open(directory, path));
    for (;;) {
      ASSIGN_OR_RETURN(const char* found, entries.Next());
      if (found == nullptr) return absl::OkStatus();
      const std::string name = found;
      if (absl::StartsWith(name, Staging::kPrefix)) continue;
      RETURN_IF_ERROR(
          Add(entries.fd(), name, path.empty() ? name : absl::StrCat(path, "/", name), depth));
    }
  }

  absl::Status AddFile(int parent, const std::string& name, const std::string& path) {
    const auto file = OpenRegular(parent, {name}, O_RDONLY);
    if (absl::IsNotFound(file.status())) return absl::OkStatus();
    RETURN_IF_ERROR(file.status());
    struct stat info;
    if (::fstat(file->get(), &info) != 0) return PathStatus(path, errno);
    RETURN_IF_ERROR(WriteHeader(path, info));
    auto left = static_cast<uint64_t>(info.st_size);
    count_.bytes += left;
    ++count_.files;
    while (left != 0) {
      const ssize_t got = ::read(file->get(), buffer_.get(), std::min<uint64_t>(left, kPieceBytes));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return PathStatus(path, errno);
      if (got == 0) {
        return absl::FailedPreconditionError(absl::StrCat(
            "path ", ShownPath(path), ": became shorter while it was read: call again"));
      }
      if (archive_write_data(writer_.get(), buffer_.get(), static_cast<size_t>(got)) != got) {
        return WriterError();
      }
      left -= static_cast<uint64_t>(got);
    }
    return absl::OkStatus();
  }

  absl::Status WriteHeader(const std::string& path, const struct stat& info) {
    archive_entry* const entry = entry_.get();
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, info.st_mode & S_IFMT);
    archive_entry_set_perm(entry, info.st_mode & kPermissions);
    archive_entry_set_uid(entry, info.st_uid);
    archive_entry_set_gid(entry, info.st_gid);
    archive_entry_set_mtime(entry, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    if (S_ISREG(info.st_mode)) archive_entry_set_size(entry, info.st_size);
    // A warning is about a name that is not UTF-8, which is written as it is.
    return archive_write_header(writer_.get(), entry) >= ARCHIVE_WARN ? absl::OkStatus()
                                                                      : WriterError();
  }

  const TarSource& source_;
  const PieceSink& sink_;
  const std::unique_ptr<char[]> buffer_;
  absl::Status sink_status_;
  bool failed_ = false;
  std::unique_ptr<archive, FreeWriter> writer_;  // writes to what is above until it is freed
  std::unique_ptr<archive_entry, FreeEntry> entry_;
  TarCount count_;
};

}  // namespace

absl::StatusOr<TarCount> PackTar(const TarSource& source, bool gzip, const PieceSink& sink) {
  return Packer(source, sink).Pack(gzip);
}

}  // namespace voidbox
