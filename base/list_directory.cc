#include "base/list_directory.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/errno_status.h"

namespace voidbox {

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(path);
  return ListDirectory(std::move(directory), path);
}

absl::StatusOr<std::vector<std::string>> ListDirectory(UniqueFd directory,
                                                       const std::string& name) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.get()), ::closedir);
  if (stream == nullptr) return ErrnoStatus(name);
  directory.Release();  // the stream's
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const absl::string_view found = entry->d_name;
    if (found != "." && found != "..") names.emplace_back(found);
  }
  if (errno != 0) return ErrnoStatus(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace voidbox
