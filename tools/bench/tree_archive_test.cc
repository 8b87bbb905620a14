#include "tools/bench/tree_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

TEST(TreeArchiveTest, IsAnArchiveOfFilesThatDiffer) {
  const std::string bytes = TreeArchive(60 * kTreeFileBytes);
  archive* const reader = archive_read_new();
  ASSERT_EQ(archive_read_support_format_tar(reader), ARCHIVE_OK);
  ASSERT_EQ(archive_read_open_memory(reader, bytes.data(), bytes.size()), ARCHIVE_OK);
  std::set<std::string> names, contents;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    EXPECT_EQ(archive_entry_size(entry), static_cast<la_int64_t>(kTreeFileBytes));
    names.insert(archive_entry_pathname(entry));
    std::string file(kTreeFileBytes, '\0');
    ASSERT_EQ(archive_read_data(reader, file.data(), file.size()),
              static_cast<la_ssize_t>(file.size()));
    contents.insert(file);
  }
  archive_read_free(reader);
  EXPECT_EQ(names.size(), 60u);
  EXPECT_EQ(contents.size(), 60u);
  EXPECT_EQ(names.count("directory-001/file-0059"), 1u);
}

}  // namespace
}  // namespace voidbox::bench
