#ifndef VOIDBOX_IMAGE_TAR_HEADER_H_
#define VOIDBOX_IMAGE_TAR_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

inline constexpr size_t kTarBlockBytes = 512;

// What one header block of a tar archive says: POSIX.1-2017 pax, "ustar Interchange Format", and
// the forms of GNU tar, star and V7. Names are bytes, in no encoding.
struct TarHeader {
  std::string name;
  std::string link;
  char type = '0';
  int64_t mode = 0;
  int64_t uid = 0;
  int64_t gid = 0;
  int64_t size = 0;   // bytes, not negative
  int64_t mtime = 0;  // seconds since 1970
  int64_t major = 0;
  int64_t minor = 0;
};

bool IsZeroTarBlock(absl::string_view block);

// Of a whole block. DATA_LOSS for a wrong checksum and for a field that is no number.
absl::StatusOr<TarHeader> ParseTarHeader(absl::string_view block);

// A number of a header: octal, or binary where the first bit is set (GNU tar, star). DATA_LOSS
// when it is neither, or beyond 63 bits.
absl::StatusOr<int64_t> ParseTarNumber(absl::string_view field);

// What a pax header has, in its order: POSIX.1-2017 pax, "pax Header Block". Values are bytes.
// DATA_LOSS when the lengths do not add up.
using PaxRecords = std::vector<std::pair<std::string, std::string>>;
absl::StatusOr<PaxRecords> ParsePaxRecords(absl::string_view text);

// A number of a pax record, from 0 on. DATA_LOSS when it is none.
absl::StatusOr<uint64_t> ParsePaxNumber(absl::string_view text);
// A time of a pax record in whole seconds, rounded down; what is beyond 64 bits is the last one.
absl::StatusOr<int64_t> ParsePaxSeconds(absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TAR_HEADER_H_
