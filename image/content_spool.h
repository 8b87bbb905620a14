#ifndef VOIDBOX_IMAGE_CONTENT_SPOOL_H_
#define VOIDBOX_IMAGE_CONTENT_SPOOL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"
#include "image/sha256.h"

namespace voidbox {

// What is in a file, kept in a ContentSpool. Where there is no segment the file has a hole, which
// reads as zeroes.
struct FileContents {
  struct Segment {
    uint64_t offset = 0;        // in the file, bytes
    uint64_t length = 0;        // bytes, not zero
    uint64_t spool_offset = 0;  // bytes
  };
  uint64_t size = 0;              // bytes
  std::vector<Segment> segments;  // ascending, apart from each other
  Sha256Digest data_digest = {};  // of the segments' data, one after the other
};

struct ContentSpoolLimits {
  // Of the data of all files that were ever written, replaced ones included. An image of the common
  // size (under 1 GiB) with a few layers that replace much of each other is well below.
  uint64_t max_bytes = uint64_t{16} << 30;
  // Of one file's holes and data. The largest file that ext4 with 4 KiB blocks holds is 16 TiB.
  uint64_t max_file_bytes = uint64_t{16} << 30;
  // Of one file; each is an extent later on.
  size_t max_segments = 16384;
};

// One temporary file without a name that holds the contents of a tree's files, so that they are
// never in memory at once. Space is not reused. One thread at a time.
class ContentSpool {
 public:
  // In `directory`, or where it is empty in $TMPDIR or /tmp.
  static absl::StatusOr<ContentSpool> Create(const ContentSpoolLimits& limits = {},
                                             const std::string& directory = "");

  // Writes one file, from its start on. The spool outlives it; one writer at a time.
  class Writer {
   public:
    explicit Writer(ContentSpool& spool) : spool_(spool) {}
    // Adds data at `offset`, which is not before the end of what was added before
    // (INVALID_ARGUMENT). RESOURCE_EXHAUSTED at a limit.
    absl::Status WriteAt(uint64_t offset, absl::string_view data);
    absl::Status Append(absl::string_view data) { return WriteAt(end_, data); }
    // The file is `size` bytes long; INVALID_ARGUMENT when more was written.
    absl::StatusOr<FileContents> Finish(uint64_t size);
    absl::StatusOr<FileContents> Finish() { return Finish(end_); }

   private:
    ContentSpool& spool_;
    FileContents contents_;
    Sha256 hash_;
    uint64_t end_ = 0;  // of the last data
  };

  absl::StatusOr<FileContents> Add(absl::string_view data);
  // All of a host's file, holes not kept.
  absl::StatusOr<FileContents> AddHostFile(const std::string& path);

  // Reads up to `size` bytes of a file from `offset` on, holes as zeroes; fewer only at its end.
  // Data that this spool has not (a mistake of the caller's) is OUT_OF_RANGE.
  absl::StatusOr<size_t> Read(const FileContents& contents, uint64_t offset, char* data,
                              size_t size) const;
  // The whole file; RESOURCE_EXHAUSTED when it is longer than `max_bytes`.
  absl::StatusOr<std::string> ReadAll(const FileContents& contents, size_t max_bytes) const;
  // Reads exactly `size` bytes of the spool, as a segment says.
  absl::Status ReadSpool(uint64_t spool_offset, char* data, size_t size) const;

  uint64_t bytes() const { return bytes_; }
  const ContentSpoolLimits& limits() const { return limits_; }

 private:
  ContentSpool(UniqueFd fd, const ContentSpoolLimits& limits)
      : fd_(std::move(fd)), limits_(limits) {}

  UniqueFd fd_;
  ContentSpoolLimits limits_;
  uint64_t bytes_ = 0;  // written so far
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_CONTENT_SPOOL_H_
