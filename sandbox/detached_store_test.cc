#include "sandbox/detached_store.h"

#include <filesystem>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(DetachedStoreTest, KeepsRecordsUntilTheyAreRemoved) {
  const std::string home = ::testing::TempDir() + "/detached_store_test";
  std::filesystem::remove_all(home);
  const auto store = DetachedStore::Open(home);
  ASSERT_THAT(store, IsOk());
  EXPECT_TRUE(store->List()->empty());
  ASSERT_THAT(store->Write({.id = "new", .created_unix_seconds = 2}), IsOk());
  ASSERT_THAT(store->Write({.id = "old", .created_unix_seconds = 1, .name = "a"}), IsOk());
  // Foreign and broken things do no harm.
  std::filesystem::create_directory(home + "/detached/empty");
  std::filesystem::create_directory(home + "/detached/broken");
  ASSERT_THAT(WriteFileAtomically(home + "/detached/broken/record.json", "{"), IsOk());
  ASSERT_THAT(store->Write({.id = "new", .created_unix_seconds = 2, .ended_unix_seconds = 9}),
              IsOk());

  const std::vector<SandboxRecord> records = store->List().value();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, "old");
  EXPECT_EQ(records[0].name, "a");
  EXPECT_EQ(records[1].ended_unix_seconds, 9);

  ASSERT_THAT(store->Remove("old"), IsOk());
  EXPECT_FALSE(std::filesystem::exists(store->Directory("old")));
  EXPECT_EQ(store->List()->size(), 1u);
  EXPECT_THAT(store->Remove("old"), IsOk());
}

}  // namespace
}  // namespace voidbox
