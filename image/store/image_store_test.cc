#include "image/store/image_store.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImageStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = ::testing::TempDir() + "/store_home";
    std::filesystem::remove_all(home_);
  }
  ImageStore Open() {
    auto store = ImageStore::Open(home_);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }
  // An image whose files hold these texts.
  absl::StatusOr<Digest> Import(const std::string& name, const std::string& kernel = "kernel",
                                const std::string& initramfs = "initramfs", bool replace = false) {
    ImageStore store = Open();
    auto import = store.BeginImport(name, replace, progress_);
    if (!import.ok()) return import.status();
    ImageManifest manifest = {.name = name, .flavour = "test"};
    manifest.kernel = *import->AddBytes(kernel, "vmlinux");
    manifest.initramfs = *import->AddBytes(initramfs, "cpio");
    return import->Commit(manifest);
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto entries = Open().List();
    EXPECT_THAT(entries, IsOk());
    for (const auto& entry : *entries) names.push_back(entry.name);
    return names;
  }
  size_t CountIn(const std::string& directory) {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(home_ + "/images/" + directory)) {
      ++count;
    }
    return count;
  }
  std::string home_;
  NoProgress progress_;
};

TEST_F(ImageStoreTest, ListsNothingAndCreatesNothingAtFirst) {
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(home_));
  EXPECT_THAT(Open().Find("debian"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no image is called debian")));
  EXPECT_THAT(*Open().Prune(false, progress_), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(home_));
}

TEST_F(ImageStoreTest, FindsWhatWasImported) {
  const auto digest = Import("one");
  ASSERT_THAT(digest, IsOk());
  const ImageStore store = Open();
  const auto image = store.Find("one");
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->digest, *digest);
  EXPECT_EQ(image->Bytes(), 15u);
  EXPECT_EQ(image->manifest.kernel.digest, Digest::Of("kernel"));
  const auto path = store.PathOf(image->manifest.kernel);
  ASSERT_THAT(path, IsOk());
  EXPECT_EQ(*ReadFile(*path), "kernel");
  struct stat attributes;
  ASSERT_EQ(::stat(path->c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0444);
  EXPECT_THAT(store.Verify(*image, progress_), IsOk());
  EXPECT_EQ(CountIn("incoming"), 0u);
}

TEST_F(ImageStoreTest, SharesBlobsBetweenImages) {
  ASSERT_THAT(Import("one", "kernel", "a"), IsOk());
  ASSERT_THAT(Import("two", "kernel", "b"), IsOk());
  EXPECT_EQ(Names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(CountIn("blobs/sha256"), 5u);  // a kernel, two initramfs, two manifests
  EXPECT_THAT(Open().Remove("one", progress_), IsOk());
  EXPECT_EQ(CountIn("blobs/sha256"), 3u);
  const auto two = Open().Find("two");
  ASSERT_THAT(two, IsOk());
  EXPECT_THAT(Open().Verify(*two, progress_), IsOk());
  EXPECT_THAT(Open().Remove("two", progress_), IsOk());
  EXPECT_EQ(CountIn("blobs/sha256"), 0u);
  EXPECT_THAT(Open().Remove("two", progress_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("two")));
}

TEST_F(ImageStoreTest, AFileMadeForTheImageIsNotCopied) {
  ImageStore store = Open();
  auto import = store.BeginImport("made", false, progress_);
  ASSERT_THAT(import, IsOk());
  ASSERT_THAT(WriteFileAtomically(import->directory() + "/rootfs", "disk"), IsOk());
  struct stat before;
  ASSERT_EQ(::stat((import->directory() + "/rootfs").c_str(), &before), 0);
  ImageManifest manifest = {.name = "made", .flavour = "test"};
  manifest.kernel = *import->AddBytes("kernel", "vmlinux");
  manifest.rootfs = *import->AddMade("rootfs", "ext4", progress_);
  ASSERT_THAT(import->Commit(manifest), IsOk());
  struct stat after;
  ASSERT_EQ(::stat(store.PathOf(*manifest.rootfs)->c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(ImageStoreTest, RefusesANameThatIsTakenUnlessItMayReplaceIt) {
  ASSERT_THAT(Import("one", "old"), IsOk());
  EXPECT_THAT(Import("one", "new"), StatusIs(absl::StatusCode::kAlreadyExists,
                                             AllOf(HasSubstr("one"), HasSubstr("--force"))));
  EXPECT_EQ(Open().Find("one")->manifest.kernel.digest, Digest::Of("old"));
  ASSERT_THAT(Import("one", "new", "initramfs", /*replace=*/true), IsOk());
  EXPECT_EQ(Open().Find("one")->manifest.kernel.digest, Digest::Of("new"));
  // What only the old one needed is gone.
  EXPECT_EQ(CountIn("blobs/sha256"), 3u);
}

TEST_F(ImageStoreTest, AnImportThatIsGivenUpLeavesNothing) {
  {
    ImageStore store = Open();
    auto import = store.BeginImport("one", false, progress_);
    ASSERT_THAT(import, IsOk());
    ASSERT_THAT(import->AddBytes("kernel", "vmlinux"), IsOk());
    EXPECT_GT(CountIn("incoming"), 0u);
  }
  EXPECT_EQ(CountIn("incoming"), 0u);
  EXPECT_EQ(CountIn("blobs/sha256"), 0u);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(ImageStoreTest, AnImageInUseIsNotRemoved) {
  ASSERT_THAT(Import("one"), IsOk());
  auto lease = Open().Use("one");
  ASSERT_THAT(lease, IsOk());
  auto second = Open().Use("one");
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(Open().IsInUse(lease->image));
  EXPECT_THAT(Open().Remove("one", progress_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one is in use")));
  lease->descriptor.Reset();
  EXPECT_THAT(Open().Remove("one", progress_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one is in use")));
  EXPECT_EQ(Names(), std::vector<std::string>{"one"});
  second->descriptor.Reset();
  EXPECT_FALSE(Open().IsInUse(second->image));
  EXPECT_THAT(Open().Remove("one", progress_), IsOk());
}

TEST_F(ImageStoreTest, AnImageInUseKeepsItsFilesWhenAnotherOneGetsItsName) {
  ASSERT_THAT(Import("one", "old"), IsOk());
  auto lease = Open().Use("one");
  ASSERT_THAT(lease, IsOk());
  ASSERT_THAT(Import("one", "new", "initramfs", /*replace=*/true), IsOk());
  EXPECT_THAT(*Open().Prune(false, progress_), IsEmpty());
  EXPECT_THAT(Open().Verify(lease->image, progress_), IsOk());
  // The new one is free.
  ASSERT_THAT(Open().Remove("one", progress_), IsOk());
  EXPECT_THAT(Open().Verify(lease->image, progress_), IsOk());
  lease->descriptor.Reset();
  EXPECT_EQ(Open().Prune(false, progress_)->size(), 3u);
}

// Tells when somebody waits.
class WaitingProgress final : public Progress {
 public:
  explicit WaitingProgress(std::function<void()> waits) : waits_(std::move(waits)) {}
  void Begin(absl::string_view step, uint64_t) override {
    if (step.find("waiting") != absl::string_view::npos) waits_();
  }
  absl::Status Advance(uint64_t) override { return absl::OkStatus(); }

 private:
  std::function<void()> waits_;
};

TEST_F(ImageStoreTest, AnImportWaitsForAnotherOneAndReadersDoNot) {
  ASSERT_THAT(Import("old"), IsOk());
  ImageStore store = Open();
  std::optional<absl::StatusOr<ImageImport>> first = store.BeginImport("one", false, progress_);
  ASSERT_THAT(*first, IsOk());
  std::thread second;
  {
    // Ends the first one when the second one waits.
    WaitingProgress progress([&] {
      EXPECT_EQ(Names(), std::vector<std::string>{"old"});
      EXPECT_THAT(Open().Use("old"), IsOk());
      Open().Tidy();  // nor does this take the first one's pieces
      EXPECT_GT(CountIn("incoming"), 0u);
      first.reset();
    });
    ImageStore other = Open();
    auto import = other.BeginImport("two", false, progress);
    ASSERT_THAT(import, IsOk());
    EXPECT_FALSE(first.has_value());
  }
}

TEST_F(ImageStoreTest, ManyImportersAndReadersDoNotFight) {
  constexpr int kThreads = 6;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const std::string name = "image" + std::to_string(t % 3);
      for (int i = 0; i < 10; ++i) {
        ASSERT_THAT(Import(name, "kernel" + std::to_string(t), std::to_string(i), true), IsOk());
        const auto lease = Open().Use(name);
        if (lease.ok()) {
          EXPECT_THAT(Open().Verify(lease->image, progress_), IsOk());
        } else {
          EXPECT_TRUE(absl::IsNotFound(lease.status()) || absl::IsUnavailable(lease.status()))
              << lease.status();
        }
        const auto removed = Open().Remove(name, progress_);
        if (!removed.ok()) {
          EXPECT_TRUE(absl::IsNotFound(removed.status()) ||
                      absl::IsFailedPrecondition(removed.status()))
              << removed.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& name : Names()) EXPECT_THAT(Open().Remove(name, progress_), IsOk());
  EXPECT_THAT(Open().Prune(false, progress_), IsOk());
  EXPECT_EQ(CountIn("blobs/sha256"), 0u);
  EXPECT_EQ(CountIn("incoming"), 0u);
}

TEST_F(ImageStoreTest, ManagesWithoutItsEmptyDirectories) {
  ASSERT_THAT(Import("one"), IsOk());
  std::filesystem::remove(home_ + "/images/incoming");  // as some backups do
  std::filesystem::remove(home_ + "/images/lock");
  EXPECT_EQ(Names(), std::vector<std::string>{"one"});
  EXPECT_THAT(Import("two"), IsOk());
}

}  // namespace
}  // namespace voidbox
