#include "agent/files/file_info.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/tar/beneath.h"

namespace voidbox {
namespace {

constexpr mode_t kModeBits = 07777;

agent::FileType TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return agent::REGULAR;
  if (S_ISDIR(mode)) return agent::DIRECTORY;
  if (S_ISLNK(mode)) return agent::SYMLINK;
  return agent::OTHER;
}

}  // namespace

absl::StatusOr<agent::FileInfo> ReadFileInfo(int directory, const std::string& name) {
  struct stat status;
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
    return PathStatus(name, errno);
  }
  agent::FileInfo info;
  info.set_type(TypeOf(status.st_mode));
  info.set_size_bytes(static_cast<uint64_t>(status.st_size));
  info.set_mode(status.st_mode & kModeBits);
  info.set_uid(status.st_uid);
  info.set_gid(status.st_gid);
  info.set_modified_ns(status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
  if (S_ISLNK(status.st_mode)) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size > 0) info.set_link_target(target.data(), static_cast<size_t>(size));
  }
  return info;
}

}  // namespace voidbox
