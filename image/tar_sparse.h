#ifndef VOIDBOX_IMAGE_TAR_SPARSE_H_
#define VOIDBOX_IMAGE_TAR_SPARSE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/tar_header.h"

namespace voidbox {

// Where the data of a file with holes belongs (GNU tar manual, "Storing Sparse Files").
struct TarSegment {
  uint64_t offset = 0;  // in the file, bytes
  uint64_t length = 0;  // bytes
};
using TarSparseMap = std::vector<TarSegment>;

// Of all forms; more is RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxTarSegments = 65536;

// The old form: pairs of numbers in a header of type 'S', and in the blocks behind it.
// `has_more` is whether another block follows.
struct OldSparsePart {
  bool has_more = false;
  uint64_t file_bytes = 0;  // in the header only
};
absl::StatusOr<OldSparsePart> ReadOldSparseHeader(absl::string_view block, TarSparseMap& map);
absl::StatusOr<OldSparsePart> ReadOldSparseBlock(absl::string_view block, TarSparseMap& map);

// The forms 0.0 and 0.1, which are pax records alone.
absl::StatusOr<TarSparseMap> ReadPaxSparse(const PaxRecords& records);

// The form 1.0, whose map stands in front of the data, one decimal number a line, in whole blocks.
// Takes the map's blocks one by one, until it is whole.
class TarSparseText {
 public:
  // DATA_LOSS when it is no map.
  absl::Status Add(absl::string_view block);
  bool is_whole() const { return has_count_ && numbers_left_ == 0; }
  TarSparseMap& map() { return map_; }

 private:
  absl::Status AddNumber();

  std::string digits_;  // of a number whose end is not there yet
  bool has_count_ = false;
  uint64_t numbers_left_ = 0;
  TarSparseMap map_;
};

// DATA_LOSS when the segments are out of order or outside the file, or have more than `data_bytes`.
absl::Status CheckSparseMap(const TarSparseMap& map, uint64_t file_bytes, uint64_t data_bytes);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TAR_SPARSE_H_
