#include "sandbox/registry.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"

namespace voidbox {
namespace {

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = ::testing::TempDir() + "/registry_test";
    std::filesystem::remove_all(home_);
    auto registry = Registry::Open(home_);
    ASSERT_THAT(registry, IsOk());
    registry_.emplace(*std::move(registry));
    auto self = IdentifyProcess(::getpid());
    ASSERT_THAT(self, IsOk());
    self_ = *self;
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    auto records = registry_->List();
    EXPECT_THAT(records, IsOk());
    for (const SandboxRecord& record : *records) ids.push_back(record.id);
    return ids;
  }
  std::string home_;
  std::optional<Registry> registry_;
  ProcessIdentity self_;
};

TEST_F(RegistryTest, PublishedSandboxIsListedUntilItsDirectoryGoes) {
  std::string path;
  {
    auto directory = registry_->Create();
    ASSERT_THAT(directory, IsOk());
    path = directory->path();
    struct stat attributes;
    ASSERT_EQ(::stat(path.c_str(), &attributes), 0);
    EXPECT_EQ(attributes.st_mode & 0777, 0700);
    ASSERT_THAT(directory->Publish({.id = directory->id(),
                                    .vmm = self_,
                                    .kernel = "/k",
                                    .image = "debian",
                                    .image_digest = "sha256:1",
                                    .vcpu_count = 3,
                                    .memory_bytes = 1 << 20,
                                    .created_unix_seconds = 5}),
                IsOk());
    auto records = registry_->List();
    ASSERT_THAT(records, IsOk());
    ASSERT_EQ(records->size(), 1u);
    EXPECT_EQ((*records)[0].id, directory->id());
    EXPECT_EQ((*records)[0].kernel, "/k");
    EXPECT_EQ((*records)[0].image, "debian");
    EXPECT_EQ((*records)[0].image_digest, "sha256:1");
    EXPECT_EQ((*records)[0].vcpu_count, 3u);
    EXPECT_EQ((*records)[0].memory_bytes, 1u << 20);
    EXPECT_EQ((*records)[0].created_unix_seconds, 5);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(Ids().empty());
}

TEST_F(RegistryTest, ReapsWhatADeadVmmLeft) {
  auto child = ChildProcess::Spawn({.argv = {"/bin/sleep", "1000"}});
  ASSERT_THAT(child, IsOk());
  auto identity = IdentifyProcess(child->pid());
  ASSERT_THAT(identity, IsOk());
  auto directory = registry_->Create();
  ASSERT_THAT(directory, IsOk());
  ASSERT_THAT(WriteFileAtomically(directory->path() + "/vsock.sock", ""), IsOk());
  ASSERT_THAT(directory->Publish({.id = directory->id(), .vmm = *identity}), IsOk());
  EXPECT_EQ(Ids(), std::vector<std::string>{directory->id()});
  child->Signal(9);
  ASSERT_THAT(child->Wait(), IsOk());
  EXPECT_TRUE(Ids().empty());
  EXPECT_FALSE(std::filesystem::exists(directory->path()));
}

TEST_F(RegistryTest, ListingWithoutWaitingLeavesRemovingToWhoIsAtIt) {
  const std::string left = home_ + "/sandboxes/dead00000000";
  std::filesystem::create_directory(left);
  {
    const auto creating = registry_->Create();  // holds the lock until it publishes
    ASSERT_THAT(creating, IsOk());
    std::filesystem::create_directory(left);
    EXPECT_THAT(ListWithoutWaiting(home_ + "/sandboxes"), IsOk());
    EXPECT_TRUE(std::filesystem::exists(left));
  }
  EXPECT_THAT(ListWithoutWaiting(home_ + "/sandboxes"), IsOk());
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(RegistryTest, ReapsDirectoriesWithoutAUsableRecord) {
  const std::vector<std::string> records = {
      "", "{", "[]", "{\"pid\": \"x\"}", "{\"pid\": 1}", "{\"pid\": -1, \"pid_start_time\": 7}"};
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string path = home_ + "/sandboxes/" + std::to_string(i);
    std::filesystem::create_directory(path);
    ASSERT_THAT(WriteFileAtomically(path + "/state.json", records[i]), IsOk());
  }
  std::filesystem::create_directory(home_ + "/sandboxes/none");
  EXPECT_TRUE(Ids().empty());
  size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(home_ + "/sandboxes")) {
    if (entry.is_directory()) ++left;
  }
  EXPECT_EQ(left, 0u);
}

TEST_F(RegistryTest, AnInterruptEndsTheWaitForAnotherCommand) {
  auto holder = registry_->Create();  // holds the lock until Publish
  ASSERT_THAT(holder, IsOk());
  const UniqueFd interrupt(::eventfd(0, EFD_CLOEXEC));
  auto registry = Registry::Open(home_, interrupt.get());
  ASSERT_THAT(registry, IsOk());
  std::thread signal([&] { ::eventfd_write(interrupt.get(), 1); });
  EXPECT_THAT(registry->Create(), StatusIs(absl::StatusCode::kCancelled, ::testing::_));
  signal.join();
  EXPECT_THAT(registry->List(), StatusIs(absl::StatusCode::kCancelled, ::testing::_));
}

TEST_F(RegistryTest, ManyCreatorsAndReapersDoNotFight) {
  constexpr int kThreads = 8;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      auto registry = Registry::Open(home_);
      ASSERT_THAT(registry, IsOk());
      for (int i = 0; i < 20; ++i) {
        auto directory = registry->Create();
        ASSERT_THAT(directory, IsOk());
        ASSERT_THAT(WriteFileAtomically(directory->path() + "/a", "x"), IsOk());
        ASSERT_THAT(directory->Publish({.id = directory->id(), .vmm = self_}), IsOk());
        ASSERT_THAT(registry->List(), IsOk());
        EXPECT_TRUE(std::filesystem::exists(directory->path() + "/a"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Ids().empty());
}

}  // namespace
}  // namespace voidbox
