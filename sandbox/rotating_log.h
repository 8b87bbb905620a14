#ifndef VOIDBOX_SANDBOX_ROTATING_LOG_H_
#define VOIDBOX_SANDBOX_ROTATING_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

// A file that grows to a limit, becomes PATH.1, replacing that, and begins anew: it holds the last
// bytes, at least as many as the limit once so many were written, at most twice as many.
class RotatingLog {
 public:
  static constexpr uint64_t kMaxBytes = 16 << 20;

  static absl::StatusOr<RotatingLog> Create(const std::string& path,
                                            uint64_t max_bytes = kMaxBytes);
  // Never split between the two files.
  absl::Status Append(absl::string_view piece);

 private:
  RotatingLog(std::string path, uint64_t max_bytes) : path_(std::move(path)), max_(max_bytes) {}
  absl::Status Open();

  std::string path_;
  uint64_t max_;
  uint64_t size_ = 0;
  UniqueFd file_;
};

// Reads such a file from its beginning, while it may grow. Belongs to one thread.
class RotatingLogReader {
 public:
  explicit RotatingLogReader(std::string path) : path_(std::move(path)) {}

  // Hands on all that is there and was not yet, in pieces. The end of a piece says nothing of where
  // a write ended. OK also when there is no file (yet). Bytes that were rotated away twice between
  // two calls are lost.
  absl::Status Read(const std::function<absl::Status(absl::string_view)>& take);

 private:
  absl::Status ReadOpen(const std::function<absl::Status(absl::string_view)>& take);

  const std::string path_;
  bool began_ = false;
  UniqueFd file_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_ROTATING_LOG_H_
