#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "image/tree_path.h"

namespace voidbox {
namespace {

constexpr size_t kShownBytes = 256;  // of a name in a message
constexpr absl::string_view kWhiteout = ".wh.";
constexpr absl::string_view kWhiteoutMetadata = ".wh..wh.";  // of AUFS, says nothing of files
constexpr absl::string_view kOpaque = ".wh..wh..opq";
constexpr uint64_t kBlockBytes = 512;  // of the tar format

// libarchive takes names through the thread's locale, which must have UTF-8 for them to stay as
// they are. glibc has this locale built in.
class ScopedUtf8Locale {
 public:
  ScopedUtf8Locale()
      : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})),
        previous_(locale_ != locale_t{} ? ::uselocale(locale_) : locale_t{}) {}
  ScopedUtf8Locale(const ScopedUtf8Locale&) = delete;
  ScopedUtf8Locale& operator=(const ScopedUtf8Locale&) = delete;
  ~ScopedUtf8Locale() {
    if (locale_ == locale_t{}) return;
    ::uselocale(previous_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t previous_;
};

std::string Shown(absl::string_view name) {
  return absl::StrCat("'", absl::CHexEscape(name.substr(0, kShownBytes)), "'");
}

absl::Status Named(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("tar entry ", Shown(name), ": ", status.message()));
}

// An entry's name as a path of the tree: archives write "./a", "a/" and "a//b" too. `what` is
// named in errors.
absl::StatusOr<std::string> TreePath(absl::string_view name, absl::string_view what) {
  if (absl::StartsWith(name, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is absolute"));
  }
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
    if (part == "..") {
      return absl::InvalidArgumentError(absl::StrCat(what, " has a component .."));
    }
    if (part != ".") parts.push_back(part);
  }
  return absl::StrJoin(parts, "/");
}

// Whether a link in `path` climbs above the root on its way, links on the way not considered.
bool LeavesRoot(absl::string_view path, absl::string_view target) {
  int depth = 0;
  if (!absl::StartsWith(target, "/")) {
    for (const char c : path) depth += c == '/' ? 1 : 0;
  }
  for (const absl::string_view part : absl::StrSplit(target, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

bool IsKept(absl::string_view xattr) {
  return xattr == "security.capability" || absl::StartsWith(xattr, "user.");
}

// Reads one archive into one tree.
class Reader {
 public:
  Reader(ByteSource source, const TarOptions& options, FileTree& tree)
      : options_(options),
        tree_(tree),
        stream_(std::move(source), options.unpack_limits, options.progress) {}

  absl::StatusOr<TarSummary> Read();

 private:
  struct Free {
    void operator()(archive* reader) const { archive_read_free(reader); }
  };

  absl::Status Open();
  absl::Status ReaderError() const;
  absl::Status CheckEnd(uint64_t end_of_last) const;
  absl::Status AddEntry(archive_entry* entry, absl::string_view name);
  absl::Status AddOfType(archive_entry* entry, const std::string& path, FileMetadata metadata);
  absl::Status AddHardLink(const std::string& path, absl::string_view target);
  absl::Status AddFile(archive_entry* entry, const std::string& path, FileMetadata metadata);
  absl::Status AddDevice(archive_entry* entry, const std::string& path, FileMetadata metadata,
                         FileType type);
  absl::StatusOr<FileMetadata> Metadata(archive_entry* entry);
  // Whether the entry was one, and is done with.
  absl::StatusOr<bool> ApplyWhiteout(absl::string_view path);

  const TarOptions& options_;
  FileTree& tree_;
  UnpackedStream stream_;
  absl::Status stream_status_;
  std::unique_ptr<archive, Free> reader_;
  TarSummary summary_;
};

absl::Status Reader::Open() {
  reader_.reset(archive_read_new());
  archive* const reader = reader_.get();
  if (reader == nullptr) return absl::ResourceExhaustedError("tar archive: no memory");
  const auto read = [](archive* a, void* self, const void** data) -> la_ssize_t {
    auto& that = *static_cast<Reader*>(self);
    const absl::StatusOr<absl::string_view> got = that.stream_.Next();
    if (!got.ok()) {
      that.stream_status_ = got.status();
      archive_set_error(a, EIO, "the stream failed");
      return -1;
    }
    *data = got->data();
    return static_cast<la_ssize_t>(got->size());
  };
  if (archive_read_support_format_tar(reader) != ARCHIVE_OK ||
      archive_read_open(reader, this, nullptr, read, nullptr) != ARCHIVE_OK) {
    return ReaderError();
  }
  return absl::OkStatus();
}

absl::Status Reader::ReaderError() const {
  if (!stream_status_.ok()) return stream_status_;
  const char* const why = archive_error_string(reader_.get());
  return absl::DataLossError(absl::StrCat("damaged or cut short at byte ", stream_.unpacked_bytes(),
                                          ": ", why == nullptr ? "unknown error" : why));
}

absl::Status Reader::CheckEnd(uint64_t end_of_last) const {
  // Two blocks of zeroes mark the end; the first one is looked for. libarchive takes the end of the
  // stream for one.
  const auto end = static_cast<uint64_t>(archive_filter_bytes(reader_.get(), 0));
  if (end >= end_of_last + kBlockBytes) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("cut short at byte ", end, ": the zeroes that mark its end are missing"));
}

absl::StatusOr<TarSummary> Reader::Read() {
  const ScopedUtf8Locale locale;
  RETURN_IF_ERROR(Open());
  uint64_t end_of_last = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader_.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result == ARCHIVE_FATAL) return ReaderError();
    const char* const name = archive_entry_pathname(entry);
    if (result != ARCHIVE_OK) return Named(name == nullptr ? "" : name, ReaderError());
    if (name == nullptr || *name == '\0') {
      return absl::InvalidArgumentError("an entry without a name");
    }
    RETURN_IF_ERROR(Named(name, AddEntry(entry, name)));
    if (archive_read_data_skip(reader_.get()) != ARCHIVE_OK) return Named(name, ReaderError());
    end_of_last = static_cast<uint64_t>(archive_filter_bytes(reader_.get(), 0));
  }
  RETURN_IF_ERROR(CheckEnd(end_of_last));
  summary_.packed_bytes = stream_.packed_bytes();
  summary_.unpacked_bytes = stream_.unpacked_bytes();
  return summary_;
}

absl::Status Reader::AddEntry(archive_entry* entry, absl::string_view name) {
  ASSIGN_OR_RETURN(const std::string path, TreePath(name, "its name"));
  if (options_.is_layer) {
    ASSIGN_OR_RETURN(const bool done, ApplyWhiteout(path));
    if (done) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(FileMetadata metadata, Metadata(entry));
  RETURN_IF_ERROR(AddOfType(entry, path, std::move(metadata)));
  ++summary_.entries;
  return absl::OkStatus();
}

absl::StatusOr<bool> Reader::ApplyWhiteout(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const absl::string_view base = slash == path.npos ? path : path.substr(slash + 1);
  const absl::string_view directory = slash == path.npos ? "" : path.substr(0, slash);
  if (!absl::StartsWith(base, kWhiteout)) return false;
  if (base == kOpaque) {
    RETURN_IF_ERROR(tree_.ClearLower(directory));
  } else if (!absl::StartsWith(base, kWhiteoutMetadata)) {
    const absl::string_view removed = base.substr(kWhiteout.size());
    if (removed.empty()) return absl::InvalidArgumentError("a whiteout of no name");
    RETURN_IF_ERROR(tree_.RemoveLower(absl::StrCat(directory, "/", removed)));
  }
  ++summary_.entries;
  return true;
}

absl::StatusOr<FileMetadata> Reader::Metadata(archive_entry* entry) {
  FileMetadata metadata;
  const la_int64_t uid = archive_entry_uid(entry);
  const la_int64_t gid = archive_entry_gid(entry);
  // The last number of 32 bits means "no change" to chown(2).
  if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("its owner ", uid, ":", gid, " is outside 0 to ", UINT32_MAX - 1));
  }
  metadata.permissions = archive_entry_perm(entry);
  metadata.uid = static_cast<uint32_t>(uid);
  metadata.gid = static_cast<uint32_t>(gid);
  metadata.mtime = archive_entry_mtime_is_set(entry) != 0 ? archive_entry_mtime(entry) : 0;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (IsKept(name)) {
      metadata.xattrs.insert_or_assign(name, std::string(static_cast<const char*>(value), size));
    } else {
      ++summary_.dropped_xattrs;
    }
  }
  return metadata;
}

absl::Status Reader::AddOfType(archive_entry* entry, const std::string& path,
                               FileMetadata metadata) {
  if (const char* const target = archive_entry_hardlink(entry); target != nullptr) {
    return AddHardLink(path, target);
  }
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return AddFile(entry, path, std::move(metadata));
    case AE_IFDIR:
      return tree_.AddDirectory(path, std::move(metadata));
    case AE_IFLNK: {
      const char* const target = archive_entry_symlink(entry);
      if (target == nullptr) return absl::InvalidArgumentError("a symbolic link without target");
      if (LeavesRoot(path, target)) {
        return absl::InvalidArgumentError(
            absl::StrCat("its symbolic link to ", Shown(target), " leaves the root"));
      }
      return tree_.AddSymlink(path, std::move(metadata), target);
    }
    case AE_IFCHR:
      return AddDevice(entry, path, std::move(metadata), FileType::kCharacterDevice);
    case AE_IFBLK:
      return AddDevice(entry, path, std::move(metadata), FileType::kBlockDevice);
    case AE_IFIFO:
      return tree_.AddSpecial(path, std::move(metadata), FileType::kFifo, 0, 0);
    default:
      return absl::InvalidArgumentError(absl::StrCat("a file of type 0",
                                                     absl::Hex(archive_entry_filetype(entry)),
                                                     " has no place in an image"));
  }
}

absl::Status Reader::AddHardLink(const std::string& path, absl::string_view target) {
  ASSIGN_OR_RETURN(const std::string existing,
                   TreePath(target, absl::StrCat("its hard link's target ", Shown(target))));
  return tree_.AddHardLink(path, existing);
}

absl::Status Reader::AddDevice(archive_entry* entry, const std::string& path, FileMetadata metadata,
                               FileType type) {
  const auto major = static_cast<uint32_t>(archive_entry_rdevmajor(entry));
  const auto minor = static_cast<uint32_t>(archive_entry_rdevminor(entry));
  switch (options_.devices) {
    case TarOptions::Devices::kRefuse:
      return absl::InvalidArgumentError(
          absl::StrCat("a device node (", major, ":", minor, ") is not allowed"));
    case TarOptions::Devices::kDrop:
      ++summary_.dropped_devices;
      return absl::OkStatus();
    case TarOptions::Devices::kKeep:
      return tree_.AddSpecial(path, std::move(metadata), type, major, minor);
  }
  return absl::InternalError("a policy that is none");
}

absl::Status Reader::AddFile(archive_entry* entry, const std::string& path, FileMetadata metadata) {
  RETURN_IF_ERROR(SplitTreePath(path).status());
  const la_int64_t size = archive_entry_size(entry);
  const uint64_t limit = tree_.limits().spool.max_file_bytes;
  if (size < 0 || static_cast<uint64_t>(size) > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a size of ", size, " bytes is more than the limit of ", limit, " a file"));
  }
  ContentSpool::Writer writer(tree_.spool());
  for (;;) {
    const void* data = nullptr;
    size_t length = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(reader_.get(), &data, &length, &offset);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK) return ReaderError();
    if (offset < 0) return absl::DataLossError("a hole before its start");
    RETURN_IF_ERROR(writer.WriteAt(static_cast<uint64_t>(offset),
                                   absl::string_view(static_cast<const char*>(data), length)));
  }
  ASSIGN_OR_RETURN(FileContents contents, writer.Finish(static_cast<uint64_t>(size)));
  return tree_.AddFile(path, std::move(metadata), std::move(contents));
}

}  // namespace

absl::StatusOr<TarSummary> ReadTar(ByteSource source, const TarOptions& options, FileTree& tree) {
  return Reader(std::move(source), options, tree).Read();
}

}  // namespace voidbox
