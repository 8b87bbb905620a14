#include "base/tar/tar_unpacker.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/link_target.h"
#include "base/tar/relative_path.h"
#include "base/tar/tar_entry.h"
#include "base/tar/thread_locale.h"
#include "base/tar/tree_writer.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr uint64_t kBlockBytes = 512;  // of the tar format
// Headers of an entry and its padding, beside its data: GNU's and pax's own can be long.
constexpr uint64_t kMaxEntryOverhead = 16 << 10;
// Beside the path of an entry that is moved into place.
constexpr uint64_t kRememberedBytes = 48;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

class Unpacker {
 public:
  Unpacker(const PieceSource& source, const UnpackOptions& options, int directory)
      : source_(source), options_(options), directory_(directory), writer_(directory) {}

  absl::StatusOr<TarCount> Unpack() {
    const ThreadLocale locale("C");
    RETURN_IF_ERROR(Open());
    uint64_t end_of_last = 0;
    archive_entry* entry = nullptr;
    for (;;) {
      const int result = archive_read_next_header(reader_.get(), &entry);
      if (!source_status_.ok()) return source_status_;
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && !IsAboutCharacters(result)) return Damaged();
      RETURN_IF_ERROR(CheckFormat());
      RETURN_IF_ERROR(AddEntry(entry));
      end_of_last = UnpackedBytes();
    }
    RETURN_IF_ERROR(CheckFormat());
    // Two blocks of zeroes mark the end. libarchive takes the end of the stream for them.
    if (UnpackedBytes() < end_of_last + kBlockBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tar archive: cut short at byte ", UnpackedBytes(), ": the mark at its end is missing"));
    }
    RETURN_IF_ERROR(TakePadding());
    RETURN_IF_ERROR(MakeLinks());
    RETURN_IF_ERROR(writer_.Finish());
    return std::move(count_);
  }

 private:
  static la_ssize_t Read(archive* reader, void* self, const void** data) {
    auto& that = *static_cast<Unpacker*>(self);
    const absl::StatusOr<absl::string_view> piece = that.source_();
    if (!piece.ok()) {
      that.source_status_ = piece.status();
      archive_set_error(reader, EIO, "the stream failed");
      return -1;
    }
    *data = piece->data();
    return static_cast<la_ssize_t>(piece->size());
  }

  absl::Status Open() {
    reader_.reset(archive_read_new());
    archive* const reader = reader_.get();
    if (reader == nullptr) return absl::ResourceExhaustedError("tar archive: no memory");
    const bool ready = archive_read_support_format_tar(reader) == ARCHIVE_OK &&
                       (!options_.gzip || archive_read_support_filter_gzip(reader) == ARCHIVE_OK) &&
                       archive_read_open(reader, this, nullptr, Read, nullptr) == ARCHIVE_OK;
    if (!source_status_.ok()) return source_status_;
    return ready ? absl::OkStatus() : Damaged();
  }

  uint64_t UnpackedBytes() const {
    return static_cast<uint64_t>(archive_filter_bytes(reader_.get(), 0));
  }

  // Filters are found by looking: gzip in gzip would be taken too, and no gzip at all.
  absl::Status CheckFormat() const {
    const int expected = options_.gzip ? 2 : 1;
    if (archive_filter_count(reader_.get()) == expected) return absl::OkStatus();
    return absl::InvalidArgumentError("tar archive: not packed with gzip once, as was announced");
  }

  // In the "C" locale libarchive warns of each name that is not ASCII, and keeps its bytes. Other
  // warnings are about what an entry has that cannot be kept.
  bool IsAboutCharacters(int result) const {
    const char* const why = archive_error_string(reader_.get());
    return result == ARCHIVE_WARN && why != nullptr &&
           absl::StrContains(why, "can't be converted from");
  }

  absl::Status Damaged() const {
    if (!source_status_.ok()) return source_status_;
    const char* const why = archive_error_string(reader_.get());
    return absl::InvalidArgumentError(absl::StrCat("tar archive: damaged at byte ", UnpackedBytes(),
                                                   ": ", why == nullptr ? "no tar archive" : why));
  }

  absl::Status AddEntry(archive_entry* raw) {
    if (++entries_ > limits_.max_entries) {
      return absl::ResourceExhaustedError(
          absl::StrCat("tar archive: more entries than the limit of ", limits_.max_entries));
    }
    ASSIGN_OR_RETURN(TarEntry entry, CheckTarEntry(raw, options_.links != TarLinks::kRefuse));
    if (!options_.only.empty()) RETURN_IF_ERROR(CheckTop(entry));
    if (entry.size > limits_.max_bytes - count_.bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "tar entry ", ShownPath(JoinPath(entry.path)), ": with its ", entry.size,
          " bytes the files are more than the limit of ", limits_.max_bytes, " bytes"));
    }
    RETURN_IF_ERROR(CheckPathBytes(entry));
    RETURN_IF_ERROR(CheckUnpackedBytes());
    if (!options_.rename.empty() && !entry.path.empty()) entry.path[0] = options_.rename;
    switch (entry.type) {
      case TarEntry::Type::kDirectory:
        return writer_.AddDirectory(entry);
      case TarEntry::Type::kLink:
        if (options_.links == TarLinks::kKeep) return writer_.AddLink(entry);
        links_.push_back(std::move(entry));
        return absl::OkStatus();
      case TarEntry::Type::kFile:
        break;
    }
    count_.bytes += entry.size;
    ++count_.files;
    return AddFile(entry);
  }

  // The first entry is the one that was asked for, and the others lie in it.
  absl::Status CheckTop(const TarEntry& entry) {
    const bool is_of_it = !entry.path.empty() && entry.path[0] == options_.only;
    const bool is_it = is_of_it && entry.path.size() == 1;
    if (entries_ == 1) top_is_directory_ = entry.type == TarEntry::Type::kDirectory;
    if (entries_ == 1 ? is_it : is_of_it && !is_it && top_is_directory_) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("tar entry ", ShownPath(JoinPath(entry.path)),
                                                   ": not asked for, which is ",
                                                   ShownPath(options_.only), " and what is in it"));
  }

  absl::Status CheckPathBytes(const TarEntry& entry) {
    for (const std::string& part : entry.path) path_bytes_ += part.size() + 1;
    path_bytes_ += kRememberedBytes + entry.link.size();
    if (path_bytes_ <= limits_.max_path_bytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("tar archive: the entries' paths are more than the limit of ",
                     limits_.max_path_bytes, " bytes"));
  }

  // Those that wait until all else is there.
  absl::Status MakeLinks() {
    const size_t top = options_.only.empty() ? 0 : 1;
    for (const TarEntry& link : links_) {
      if (LinkStaysBeneath(directory_, top, link.path, link.link)) {
        RETURN_IF_ERROR(writer_.AddLink(link));
        continue;
      }
      if (count_.links_not_made++ < TarCount::kMaxListed) {
        count_.not_made.push_back(
            absl::StrCat(ShownPath(JoinPath(link.path)), " -> ", ShownPath(link.link)));
      }
    }
    return absl::OkStatus();
  }

  // What follows the end of an archive.
  absl::Status TakePadding() {
    for (uint64_t taken = 0; taken <= kMaxPaddingBytes;) {
      ASSIGN_OR_RETURN(const absl::string_view rest, source_());
      if (rest.empty()) return absl::OkStatus();
      taken += rest.size();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("tar archive: more than ", kMaxPaddingBytes, " bytes follow its end"));
  }

  // What is unpacked and belongs to no file is bounded as well.
  absl::Status CheckUnpackedBytes() const {
    if (UnpackedBytes() <= limits_.max_bytes + entries_ * kMaxEntryOverhead) {
      return absl::OkStatus();
    }
    return absl::ResourceExhaustedError(absl::StrCat(
        "tar archive: it unpacks to more than the limit of ", limits_.max_bytes, " bytes"));
  }

  absl::Status AddFile(const TarEntry& entry) {
    ASSIGN_OR_RETURN(const UniqueFd file, writer_.CreateFile(entry));
    for (;;) {
      const void* data = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader_.get(), &data, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return Damaged();
      // Sparse files say where; libarchive has checked their maps, and so do we.
      if (offset < 0 || static_cast<uint64_t>(offset) > entry.size ||
          size > entry.size - static_cast<uint64_t>(offset)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "tar entry ", ShownPath(JoinPath(entry.path)), ": has data outside its size"));
      }
      RETURN_IF_ERROR(WriteAt(file.get(), {static_cast<const char*>(data), size}, offset, entry));
      if (options_.progress) RETURN_IF_ERROR(options_.progress(size));
    }
    return TreeWriter::FinishFile(file.get(), entry);
  }

  static absl::Status WriteAt(int file, absl::string_view data, off_t offset,
                              const TarEntry& entry) {
    while (!data.empty()) {
      const ssize_t written = ::pwrite(file, data.data(), data.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return PathStatus(JoinPath(entry.path), errno);
      data.remove_prefix(static_cast<size_t>(written));
      offset += written;
    }
    return absl::OkStatus();
  }

  const PieceSource& source_;
  const UnpackOptions& options_;
  const TarLimits& limits_ = options_.limits;
  const int directory_;
  TreeWriter writer_;
  absl::Status source_status_;
  std::unique_ptr<archive, FreeReader> reader_;
  uint64_t entries_ = 0;
  uint64_t path_bytes_ = 0;
  bool top_is_directory_ = false;
  std::vector<TarEntry> links_;  // of kInside, bounded by max_path_bytes
  TarCount count_;
};

}  // namespace

absl::StatusOr<TarCount> UnpackTar(const PieceSource& source, const UnpackOptions& options,
                                   int directory) {
  return Unpacker(source, options, directory).Unpack();
}

}  // namespace voidbox
