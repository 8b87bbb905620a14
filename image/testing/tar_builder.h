#ifndef VOIDBOX_IMAGE_TESTING_TAR_BUILDER_H_
#define VOIDBOX_IMAGE_TESTING_TAR_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "image/byte_source.h"

namespace voidbox {

// Writes tar archives byte by byte, bad ones too (POSIX.1-2017 pax, "ustar Interchange Format").
class TarBuilder {
 public:
  struct Entry {
    std::string name;
    char type = '0';  // '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' directory
    std::string data;
    std::string link = "";
    uint32_t mode = 0644;
    uint64_t uid = 0;
    uint64_t gid = 0;
    uint64_t mtime = 0;
    uint32_t major = 0;
    uint32_t minor = 0;
    std::vector<std::pair<std::string, std::string>> pax = {};  // records of an 'x' header before
  };
  TarBuilder& Add(const Entry& entry);
  // With the end mark of two blocks.
  std::string Finish() const { return bytes_ + std::string(1024, '\0'); }
  const std::string& WithoutEnd() const { return bytes_; }

 private:
  void AddBlocks(const Entry& entry);
  std::string bytes_;
};

// Packs with libarchive's filter of that name: "gzip", "zstd", "xz".
std::string Pack(absl::string_view data, const std::string& filter);

// Gives `data` in pieces of `piece` bytes.
ByteSource StringSource(std::string data, size_t piece = 4096);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TESTING_TAR_BUILDER_H_
