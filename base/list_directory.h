#ifndef VOIDBOX_BASE_LIST_DIRECTORY_H_
#define VOIDBOX_BASE_LIST_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// The names in a directory, but for "." and "..", in alphabetical order. Unlike the iterators of
// std::filesystem, whose increment throws, it gives a status when reading on fails.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);
// The same of an open directory; `name` is for messages.
absl::StatusOr<std::vector<std::string>> ListDirectory(UniqueFd directory, const std::string& name);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_LIST_DIRECTORY_H_
