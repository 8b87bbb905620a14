#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/tar/tar_unpacker.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;
constexpr uint64_t kMaxEntries = 50;

// Whatever comes, only files, directories and links that were allowed come of it, beneath the
// directory, as many and as large as allowed.
void CheckTree(const std::string& directory, const UnpackOptions& options) {
  uint64_t bytes = 0;
  size_t top_level = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    ++top_level;
    Check(options.rename.empty() || entry.path().filename() == options.rename,
          "nothing has a name that was not asked for");
  }
  Check(options.only.empty() || top_level <= 1, "there is one entry at most");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat info;
    Check(::lstat(entry.path().c_str(), &info) == 0, "an entry is there");
    if (S_ISLNK(info.st_mode)) {
      Check(options.links != TarLinks::kRefuse, "there are no links unless allowed");
      if (options.links == TarLinks::kKeep) continue;
      // Wherever the links lead, they stay beneath.
      std::error_code error;
      const auto target = std::filesystem::weakly_canonical(entry.path(), error);
      Check(error || target.string().compare(0, directory.size(), directory) == 0,
            "no link leads out");
      continue;
    }
    Check(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode), "there are files and directories only");
    Check((info.st_mode & 07000) == 0, "there are no set-id bits");
    Check(info.st_nlink == 1 || S_ISDIR(info.st_mode), "there are no hard links");
    if (S_ISREG(info.st_mode)) bytes += static_cast<uint64_t>(info.st_size);
  }
  Check(bytes <= kMaxBytes, "the files are within their limit");
}

// The first byte says whether the rest is packed and in which pieces it comes, the second what is
// taken of it.
void RunArchive(const uint8_t* data, size_t size) {
  if (size < 2) return;
  std::string directory = std::filesystem::temp_directory_path() / "voidbox-fuzz.XXXXXX";
  Check(::mkdtemp(directory.data()) != nullptr, "there is a directory");
  directory = std::filesystem::canonical(directory);
  const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string archive(data + 2, data + size);
  const size_t piece = (data[0] >> 1) * size_t{64} + 1;
  size_t at = 0;
  const auto source = [&]() -> absl::StatusOr<absl::string_view> {
    const size_t got = std::min(piece, archive.size() - at);
    at += got;
    return absl::string_view(archive.data() + at - got, got);
  };
  UnpackOptions options = {.gzip = (data[0] & 1) != 0,
                           .limits = {.max_bytes = kMaxBytes, .max_entries = kMaxEntries},
                           .links = static_cast<TarLinks>((data[1] & 3) % 3)};
  if ((data[1] & 4) != 0) options.only = "a";
  if ((data[1] & 12) == 12) options.rename = "renamed";
  const auto count = UnpackTar(source, options, fd.get());
  if (count.ok()) Check(count->bytes <= kMaxBytes, "the count is within its limit");
  CheckTree(directory, options);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunArchive(data, size);
  return 0;
}
