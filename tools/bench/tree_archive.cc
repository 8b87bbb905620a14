#include "tools/bench/tree_archive.h"

#include <cstdio>
#include <cstring>

#include "absl/strings/str_format.h"
#include "tools/bench/bulk_data.h"

namespace voidbox::bench {
namespace {

// POSIX.1-2017 pax, "ustar Interchange Format".
constexpr size_t kTarBlockBytes = 512;
constexpr int kFilesADirectory = 50;

void Set(std::string& header, size_t offset, const std::string& value) {
  header.replace(offset, value.size(), value);
}

std::string Header(const std::string& name) {
  std::string header(kTarBlockBytes, '\0');
  Set(header, 0, name);
  Set(header, 100, "0000644");
  Set(header, 108, "0001750");
  Set(header, 116, "0001750");
  Set(header, 124, absl::StrFormat("%011o", kTreeFileBytes));
  Set(header, 136, "00000000000");
  Set(header, 148, "        ");
  Set(header, 156, "0");
  Set(header, 257,
      std::string("ustar\0"
                  "00",
                  8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  Set(header, 148, absl::StrFormat("%06o", sum) + std::string("\0 ", 2));
  return header;
}

}  // namespace

std::string TreeArchive(uint64_t bytes) {
  const int files = static_cast<int>(bytes / kTreeFileBytes);
  std::string archive;
  archive.reserve(files * (kTarBlockBytes + kTreeFileBytes) + 2 * kTarBlockBytes);
  Block block = MakeBlock();
  uint64_t index = 0;
  for (int file = 0; file < files; ++file) {
    archive += Header(absl::StrFormat("directory-%03d/file-%04d", file / kFilesADirectory, file));
    for (uint64_t done = 0; done < kTreeFileBytes; done += kBlockBytes) {
      SetIndex(block, index++);
      archive.append(static_cast<const char*>(static_cast<const void*>(block.data())), kBlockBytes);
    }
  }
  archive.append(2 * kTarBlockBytes, '\0');
  return archive;
}

}  // namespace voidbox::bench
