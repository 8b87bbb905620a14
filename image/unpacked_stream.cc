#include "image/unpacked_stream.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

void UnpackedStream::Free::operator()(archive* reader) const { archive_read_free(reader); }

UnpackedStream::UnpackedStream(ByteSource source, const UnpackLimits& limits,
                               std::function<void(uint64_t)> progress)
    : source_(std::move(source)),
      limits_(limits),
      progress_(std::move(progress)),
      buffer_(kBufferBytes, '\0') {}

absl::StatusOr<absl::string_view> UnpackedStream::ReadSource() {
  ASSIGN_OR_RETURN(const size_t got, source_(buffer_.data(), buffer_.size()));
  packed_bytes_ += got;
  if (progress_ != nullptr) progress_(packed_bytes_);
  return absl::string_view(buffer_.data(), got);
}

absl::Status UnpackedStream::ReaderError() const {
  if (!source_status_.ok()) return source_status_;
  const char* const why = archive_error_string(reader_.get());
  return absl::DataLossError(absl::StrCat("damaged or cut short at byte ", packed_bytes_, ": ",
                                          why == nullptr ? "unknown error" : why));
}

absl::Status UnpackedStream::Open() {
  reader_.reset(archive_read_new());
  archive* const reader = reader_.get();
  if (reader == nullptr) return absl::ResourceExhaustedError("no memory for unpacking");
  const auto read = [](archive* a, void* self, const void** data) -> la_ssize_t {
    auto& stream = *static_cast<UnpackedStream*>(self);
    const absl::StatusOr<absl::string_view> got = stream.ReadSource();
    if (!got.ok()) {
      stream.source_status_ = got.status();
      archive_set_error(a, EIO, "the source failed");
      return -1;
    }
    *data = got->data();
    return static_cast<la_ssize_t>(got->size());
  };
  if (archive_read_support_filter_gzip(reader) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(reader) != ARCHIVE_OK ||
      archive_read_support_filter_xz(reader) != ARCHIVE_OK ||
      archive_read_support_filter_bzip2(reader) != ARCHIVE_OK ||
      archive_read_support_format_raw(reader) != ARCHIVE_OK ||
      archive_read_support_format_empty(reader) != ARCHIVE_OK ||
      archive_read_open(reader, this, nullptr, read, nullptr) != ARCHIVE_OK) {
    return ReaderError();
  }
  archive_entry* unused = nullptr;
  const int result = archive_read_next_header(reader, &unused);
  if (result == ARCHIVE_EOF) at_end_ = true;  // an empty stream
  if (result != ARCHIVE_OK && result != ARCHIVE_EOF) return ReaderError();
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> UnpackedStream::Next() {
  if (reader_ == nullptr) RETURN_IF_ERROR(Open());
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  while (!at_end_ && size == 0) {
    const int result = archive_read_data_block(reader_.get(), &data, &size, &offset);
    if (result == ARCHIVE_EOF) at_end_ = true;
    if (result != ARCHIVE_OK && result != ARCHIVE_EOF) return ReaderError();
  }
  if (at_end_) return absl::string_view();
  unpacked_bytes_ += size;
  if (unpacked_bytes_ > limits_.max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("unpacks to more than the limit of ", limits_.max_bytes, " bytes"));
  }
  if (unpacked_bytes_ > limits_.ratio_free_bytes &&
      unpacked_bytes_ / limits_.max_ratio > packed_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        packed_bytes_, " packed bytes are ", unpacked_bytes_, " unpacked ones so far, more than ",
        limits_.max_ratio, " for each, the limit beyond ", limits_.ratio_free_bytes, " bytes"));
  }
  return absl::string_view(static_cast<const char*>(data), size);
}

}  // namespace voidbox
