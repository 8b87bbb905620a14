#ifndef VOIDBOX_IMAGE_UNPACKED_STREAM_H_
#define VOIDBOX_IMAGE_UNPACKED_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/byte_source.h"

struct archive;  // of libarchive

namespace voidbox {

struct UnpackLimits {
  // Twice what a ContentSpool takes: headers and padding, and files that are dropped.
  uint64_t max_bytes = uint64_t{32} << 30;
  // Unpacked bytes for each packed one, once `ratio_free_bytes` are unpacked. Real layers are below
  // 10; gzip reaches 1032 on zeroes, xz and zstd much more.
  uint64_t max_ratio = 500;
  uint64_t ratio_free_bytes = uint64_t{256} << 20;
};

// What is in a stream packed with gzip, zstd, xz or bzip2, told by its first bytes; another stream
// is given as it is. The memory that it takes is bounded by the formats' windows (128 MiB for
// zstd). One thread at a time.
class UnpackedStream {
 public:
  // `progress` is called with the packed bytes read so far; it may be null.
  UnpackedStream(ByteSource source, const UnpackLimits& limits,
                 std::function<void(uint64_t packed_bytes)> progress);

  // The next bytes, empty at the end; they are there until the next call. DATA_LOSS for a stream
  // that is damaged or cut short, RESOURCE_EXHAUSTED with the numbers at a limit, or the source's
  // error.
  absl::StatusOr<absl::string_view> Next();

  uint64_t packed_bytes() const { return packed_bytes_; }
  uint64_t unpacked_bytes() const { return unpacked_bytes_; }

 private:
  struct Free {
    void operator()(archive* reader) const;
  };
  absl::Status Open();
  absl::Status ReaderError() const;
  absl::StatusOr<absl::string_view> ReadSource();

  ByteSource source_;
  UnpackLimits limits_;
  std::function<void(uint64_t)> progress_;
  std::string buffer_;          // of packed bytes
  absl::Status source_status_;  // why the source failed
  uint64_t packed_bytes_ = 0;
  uint64_t unpacked_bytes_ = 0;
  bool at_end_ = false;
  std::unique_ptr<archive, Free> reader_;  // null until the first call
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_UNPACKED_STREAM_H_
