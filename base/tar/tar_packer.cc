#include "base/tar/tar_packer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/relative_path.h"
#include "base/tar/staging.h"
#include "base/tar/thread_locale.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
// The stream is faster than the network behind it, mostly, and zlib slower than both.
constexpr char kCompressionLevel[] = "1";
constexpr mode_t kPermissions = 0777;
// Of a sparse file: their list is in front of it.
constexpr size_t kMaxExtents = 4096;

struct Extent {
  off_t offset;
  off_t length;
};

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

class Packer {
 public:
  Packer(const TarSource& source, const PackOptions& options, const PieceSink& sink)
      : source_(source), options_(options), sink_(sink), buffer_(new char[kPieceBytes]) {}

  absl::StatusOr<TarCount> Pack() {
    const ThreadLocale locale("C.UTF-8");
    RETURN_IF_ERROR(Open(options_.gzip));
    absl::Status status = AddTop();
    if (status.ok() && archive_write_close(writer_.get()) != ARCHIVE_OK) status = WriterError();
    if (status.ok()) status = sink_status_;
    // libarchive closes an archive that it frees: of one that failed, nothing more is to be sent.
    failed_ = !status.ok();
    if (failed_) return status;
    return std::move(count_);
  }

 private:
  // Never fails: libarchive (3.6.2) does not free all of a writer whose sink has failed. Whoever
  // wrote looks at sink_status_.
  static la_ssize_t Write(archive* /*writer*/, void* self, const void* data, size_t size) {
    auto& that = *static_cast<Packer*>(self);
    if (!that.failed_ && that.sink_status_.ok()) {
      that.sink_status_ = that.sink_({static_cast<const char*>(data), size});
    }
    return static_cast<la_ssize_t>(size);
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
    if (source_.contents_only) {
      if (!S_ISDIR(info.st_mode)) return PathStatus(path, ENOTDIR);
      return AddContents(top.get(), "", 1);
    }
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat("path ", ShownPath(path), ": neither a file nor a directory"));
    }
    RETURN_IF_ERROR(
        Add(parent.directory.get(), parent.name, source_.as.empty() ? parent.name : source_.as, 0));
    return has_entries_ ? absl::OkStatus() : PathStatus(path, ENOENT);  // removed meanwhile
  }

  // The entry `name` in `parent`, as `path` in the archive.
  absl::Status Add(int parent, const std::string& name, const std::string& path, size_t depth) {
    struct stat info;
    if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      // Removed since its name was read.
      return errno == ENOENT ? absl::OkStatus() : PathStatus(path, errno);
    }
    if (S_ISLNK(info.st_mode) && options_.links) return AddLink(parent, name, path, info);
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
    const auto directory = OpenBeneath(parent, name, O_PATH | O_DIRECTORY, 0, path);
    if (absl::IsNotFound(directory.status()) && IsGone(parent, name)) return absl::OkStatus();
    RETURN_IF_ERROR(directory.status());
    struct stat info;
    if (::fstat(directory->get(), &info) != 0) return PathStatus(path, errno);
    RETURN_IF_ERROR(WriteHeader(path, info));
    return AddContents(directory->get(), path, depth + 1);
  }

  static bool IsGone(int parent, const std::string& name) {
    struct stat info;
    return ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
  }

  absl::Status AddLink(int parent, const std::string& name, const std::string& path,
                       const struct stat& info) {
    std::string target(kMaxPathBytes + 1, '\0');
    const ssize_t size = ::readlinkat(parent, name.c_str(), target.data(), target.size());
    if (size < 0) return errno == ENOENT ? absl::OkStatus() : PathStatus(path, errno);
    target.resize(static_cast<size_t>(size));
    return WriteHeader(path, info, target.c_str());
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
    const auto file = OpenRegular(parent, {name}, O_RDONLY, 0, path);
    if (absl::IsNotFound(file.status())) return absl::OkStatus();
    RETURN_IF_ERROR(file.status());
    struct stat info;
    if (::fstat(file->get(), &info) != 0) return PathStatus(path, errno);
    ++count_.files;
    if (info.st_size == 0) return AddUnsized(file->get(), path, info);
    RETURN_IF_ERROR(WriteHeader(path, info, nullptr, DataOf(file->get(), info)));
    auto left = static_cast<uint64_t>(info.st_size);
    while (left != 0) {
      ASSIGN_OR_RETURN(const size_t got, Read(file->get(), left, path));
      if (got == 0) {
        return absl::FailedPreconditionError(absl::StrCat(
            "path ", ShownPath(path), ": became shorter while it was read: call again"));
      }
      RETURN_IF_ERROR(WriteData(got));
      left -= got;
    }
    return absl::OkStatus();
  }

  // Where a file with holes has data, so that they are neither carried nor filled; nothing where it
  // has none. Packed with gzip they are next to nothing, and readers that know no holes read the
  // archive as well.
  std::vector<Extent> DataOf(int file, const struct stat& info) const {
    if (options_.gzip || info.st_blocks >= info.st_size / 512) return {};
    std::vector<Extent> data = FindData(file, info.st_size);
    static_cast<void>(::lseek(file, 0, SEEK_SET));
    return data;
  }

  // Moves the position of the file.
  static std::vector<Extent> FindData(int file, off_t size) {
    std::vector<Extent> data;
    off_t end = 0;
    while (end < size) {
      const off_t begin = ::lseek(file, end, SEEK_DATA);
      if (begin < 0 && errno == ENXIO) break;  // all the rest is a hole
      end = begin < 0 ? -1 : ::lseek(file, begin, SEEK_HOLE);
      // The file system may not know. Nobody needs a file of so many holes to be smaller.
      if (end < 0 || data.size() == kMaxExtents) return {};
      end = std::min(end, size);
      if (begin < end) data.push_back({begin, end - begin});
    }
    if (data.empty()) data.push_back({0, 0});
    return data;
  }

  // A file that says it is empty, which those of /proc do whatever is in them.
  absl::Status AddUnsized(int file, const std::string& path, struct stat info) {
    ASSIGN_OR_RETURN(const size_t size, Read(file, kPieceBytes, path));
    info.st_size = static_cast<off_t>(size);
    RETURN_IF_ERROR(WriteHeader(path, info));
    if (size != 0) RETURN_IF_ERROR(WriteData(size));
    if (size < kPieceBytes) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("path ", ShownPath(path),
                     ": says that it is empty, and is not; copy what `cat` makes of it"));
  }

  // Fills the buffer with `most` bytes, as far as they fit and there are so many.
  absl::StatusOr<size_t> Read(int file, uint64_t most, const std::string& path) const {
    auto got = ReadUpTo(file, buffer_.get(), std::min<uint64_t>(most, kPieceBytes));
    if (!got.ok()) return AtPath(path, got.status());
    return got;
  }

  absl::Status WriteData(size_t size) {
    count_.bytes += size;
    if (archive_write_data(writer_.get(), buffer_.get(), size) != static_cast<la_ssize_t>(size)) {
      return WriterError();
    }
    RETURN_IF_ERROR(sink_status_);
    return options_.progress ? options_.progress(size) : absl::OkStatus();
  }

  absl::Status WriteHeader(const std::string& path, const struct stat& info,
                           const char* link = nullptr, const std::vector<Extent>& data = {}) {
    has_entries_ = true;
    archive_entry* const entry = entry_.get();
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, info.st_mode & S_IFMT);
    archive_entry_set_perm(entry, info.st_mode & kPermissions);
    archive_entry_set_uid(entry, info.st_uid);
    archive_entry_set_gid(entry, info.st_gid);
    archive_entry_set_mtime(entry, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    if (S_ISREG(info.st_mode)) archive_entry_set_size(entry, info.st_size);
    for (const Extent& extent : data) {
      archive_entry_sparse_add_entry(entry, extent.offset, extent.length);
    }
    if (link != nullptr) archive_entry_set_symlink(entry, link);
    // A warning is about a name that is not UTF-8, which is written as it is.
    return archive_write_header(writer_.get(), entry) >= ARCHIVE_WARN ? sink_status_
                                                                      : WriterError();
  }

  const TarSource& source_;
  const PackOptions& options_;
  const PieceSink& sink_;
  const std::unique_ptr<char[]> buffer_;
  absl::Status sink_status_;
  bool failed_ = false;
  bool has_entries_ = false;
  std::unique_ptr<archive, FreeWriter> writer_;  // writes to what is above until it is freed
  std::unique_ptr<archive_entry, FreeEntry> entry_;
  TarCount count_;
};

}  // namespace

absl::StatusOr<TarCount> PackTar(const TarSource& source, const PackOptions& options,
                                 const PieceSink& sink) {
  return Packer(source, options, sink).Pack();
}

}  // namespace voidbox
