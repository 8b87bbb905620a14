// A file system: what lies behind its end is found at its start again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/ext4_lookup.h"
#include "image/ext4_superblock.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view image(reinterpret_cast<const char*>(data), size);
  const auto super = voidbox::ParseExt4Superblock(image.substr(0, 2048), uint64_t{1} << 40);
  if (!super.ok()) return 0;
  uint64_t bytes_read = 0;
  const voidbox::Ext4Read read = [&](uint64_t offset, std::span<char> bytes) {
    bytes_read += bytes.size();
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = image[(offset + i) % size];
    return absl::OkStatus();
  };
  voidbox::LookUpInExt4(*super, read, "/sbin/init");
  voidbox::Check(bytes_read <= uint64_t{257} << 20, "reading is bounded");
  return 0;
}
