#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/files/tar_unpacker.h"
#include "base/check.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;
constexpr uint64_t kMaxEntries = 50;

// Whatever comes, only files and directories come of it, beneath the directory, as many and as
// large as allowed.
void CheckTree(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat info;
    Check(::lstat(entry.path().c_str(), &info) == 0, "an entry is there");
    Check(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode), "there are files and directories only");
    Check((info.st_mode & 07000) == 0, "there are no set-id bits");
    Check(info.st_nlink == 1 || S_ISDIR(info.st_mode), "there are no hard links");
    if (S_ISREG(info.st_mode)) bytes += static_cast<uint64_t>(info.st_size);
  }
  Check(bytes <= kMaxBytes, "the files are within their limit");
}

// The first byte says whether the rest is packed, and in which pieces it comes.
void RunArchive(const uint8_t* data, size_t size) {
  if (size == 0) return;
  std::string directory = std::filesystem::temp_directory_path() / "voidbox-fuzz.XXXXXX";
  Check(::mkdtemp(directory.data()) != nullptr, "there is a directory");
  const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string archive(data + 1, data + size);
  const size_t piece = (data[0] >> 1) * size_t{64} + 1;
  size_t at = 0;
  const auto source = [&]() -> absl::StatusOr<absl::string_view> {
    const size_t got = std::min(piece, archive.size() - at);
    at += got;
    return absl::string_view(archive.data() + at - got, got);
  };
  const auto count = UnpackTar(source, (data[0] & 1) != 0,
                               {.max_bytes = kMaxBytes, .max_entries = kMaxEntries}, fd.get());
  if (count.ok()) Check(count->bytes <= kMaxBytes, "the count is within its limit");
  CheckTree(directory);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunArchive(data, size);
  return 0;
}
