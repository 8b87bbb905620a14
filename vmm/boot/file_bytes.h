#ifndef VOIDBOX_VMM_BOOT_FILE_BYTES_H_
#define VOIDBOX_VMM_BOOT_FILE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace voidbox {

// A copy of the T at `offset` of a hostile file; `what` names it in the INVALID_ARGUMENT for a file
// too short.
template <typename T>
absl::StatusOr<T> ReadAt(std::span<const std::byte> file, uint64_t offset, absl::string_view what) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > file.size() || sizeof(T) > file.size() - offset) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " at offset ", offset, " lies behind the file's ", file.size(), " bytes"));
  }
  T object;
  std::memcpy(&object, file.data() + offset, sizeof(T));
  return object;
}

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_FILE_BYTES_H_
