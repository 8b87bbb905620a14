#include "image/ext4_directory.h"

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

struct Parsed {
  uint32_t inode = 0;
  uint16_t length = 0;
  uint8_t type = 0;
  std::string name;
};

// Walks a block as the kernel does (ext4/directory.rst, "Linear Directories").
std::vector<Parsed> ParseBlock(const std::string& block) {
  std::vector<Parsed> entries;
  size_t offset = 0;
  while (offset < kExt4BlockBytes - 12) {
    Parsed entry;
    std::memcpy(&entry.inode, &block[offset], 4);
    std::memcpy(&entry.length, &block[offset + 4], 2);
    entry.type = static_cast<uint8_t>(block[offset + 7]);
    entry.name = block.substr(offset + 8, static_cast<uint8_t>(block[offset + 6]));
    offset += entry.length;
    entries.push_back(entry);
    if (entry.length == 0) break;
  }
  EXPECT_EQ(offset, kExt4BlockBytes - 12);
  return entries;
}

TEST(Ext4DirectoryTest, AnEmptyOneNamesItselfAndItsParent) {
  const std::string blocks = PackExt4Directory(12, 2, {});
  ASSERT_EQ(blocks.size(), kExt4BlockBytes);
  const std::vector<Parsed> entries = ParseBlock(blocks);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, ".");
  EXPECT_EQ(entries[0].inode, 12u);
  EXPECT_EQ(entries[0].length, 12u);
  EXPECT_EQ(entries[1].name, "..");
  EXPECT_EQ(entries[1].inode, 2u);
  EXPECT_EQ(entries[1].type, 2u);
}

TEST(Ext4DirectoryTest, FillsBlocksAndCountsThem) {
  for (const size_t name_bytes : {1, 4, 99, 255}) {
    Inode directory;
    directory.type = FileType::kDirectory;
    std::vector<Ext4DirectoryEntry> entries;
    std::set<std::string> names;
    for (uint32_t i = 0; i < 200 && names.size() == i; ++i) {
      std::string name =
          name_bytes == 1 ? std::string(1, static_cast<char>(i + 48)) : absl::StrCat(i + 1000);
      name.resize(name_bytes, 'n');
      directory.children[*names.insert(name).first] = {std::make_shared<Inode>(), 0};
      entries.push_back({.inode = 100 + i, .name = *names.find(name)});
      const std::string blocks = PackExt4Directory(12, 2, entries);
      ASSERT_EQ(blocks.size(), CountExt4DirectoryBlocks(directory) * kExt4BlockBytes);
      size_t found = 0;
      for (size_t at = 0; at < blocks.size(); at += kExt4BlockBytes) {
        for (const Parsed& entry : ParseBlock(blocks.substr(at, kExt4BlockBytes))) {
          found += names.count(entry.name);
        }
      }
      EXPECT_EQ(found, entries.size());
    }
  }
}

}  // namespace
}  // namespace voidbox
