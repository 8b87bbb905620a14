// What damage, kills and full disks do to the image store.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/store/image_store.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostileImageStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = ::testing::TempDir() + "/hostile_home";
    std::filesystem::remove_all(home_);
    images_ = home_ + "/images";
    payload_ = ::testing::TempDir() + "/payload";
    ASSERT_THAT(WriteFileAtomically(payload_, std::string(1 << 20, 'p')), IsOk());
  }
  ImageStore Open() {
    auto store = ImageStore::Open(home_);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }
  absl::StatusOr<Digest> Import(const std::string& name, const std::string& kernel = "kernel",
                                bool replace = false, Progress* progress = nullptr) {
    if (progress == nullptr) progress = &progress_;
    auto store = ImageStore::Open(home_);
    if (!store.ok()) return store.status();
    auto import = store->BeginImport(name, replace, *progress);
    if (!import.ok()) return import.status();
    ImageManifest manifest = {.name = name, .flavour = "test"};
    auto added = import->AddBytes(kernel, "vmlinux");
    if (!added.ok()) return added.status();
    manifest.kernel = *added;
    added = import->AddFile(payload_, "ext4", "rootfs " + payload_, *progress);
    if (!added.ok()) return added.status();
    manifest.rootfs = *added;
    return import->Commit(manifest);
  }
  std::string BlobPath(const Digest& digest) { return images_ + "/blobs/sha256/" + digest.hex(); }
  void Overwrite(const std::string& path, const std::string& text) {
    std::filesystem::remove(path);
    ASSERT_THAT(WriteFileAtomically(path, text), IsOk());
  }
  size_t CountIn(const std::string& directory) {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(images_ + "/" + directory)) {
      ++count;
    }
    return count;
  }
  absl::Status StatusOfOnly() {
    const auto entries = Open().List();
    EXPECT_THAT(entries, IsOk());
    if (entries->size() != 1) return absl::InternalError("not one image");
    return (*entries)[0].image.status();
  }
  std::string home_, images_, payload_;
  NoProgress progress_;
};

// Runs `body` in a child process and kills it before its system call number `calls`. False when it
// has ended before, having returned true.
bool KillAtSystemCall(int calls, const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::_exit(body() ? 0 : 1);
  }
  EXPECT_GT(child, 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  // It stops twice for each: before and after.
  for (int stop = 0; stop < 2 * calls + 1; ++stop) {
    EXPECT_EQ(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr), 0);
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSTOPPED(status)) continue;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    return false;
  }
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return true;
}

TEST_F(HostileImageStoreTest, AnImportKilledAtAnyPointIsInvisibleAndItsLeftoversGo) {
  ASSERT_THAT(Import("old"), IsOk());
  const size_t blobs = CountIn("blobs/sha256");
  int calls = 0;
  while (KillAtSystemCall(calls, [&] { return Import("new", "new kernel").ok(); })) {
    ++calls;
    // Whole or not there at all, and the next command cleans up.
    ImageStore store = Open();
    const auto entries = store.List();
    ASSERT_THAT(entries, IsOk());
    for (const auto& entry : *entries) {
      ASSERT_THAT(entry.image, IsOk()) << "killed at system call " << calls;
      EXPECT_THAT(store.Verify(*entry.image, progress_), IsOk());
    }
    store.Tidy();
    EXPECT_EQ(CountIn("incoming"), 0u);
    if (entries->size() == 2) {
      ASSERT_THAT(store.Remove("new", progress_), IsOk());
    }
    ASSERT_EQ(CountIn("blobs/sha256"), blobs) << "killed at system call " << calls;
  }
  EXPECT_GT(calls, 50);
  EXPECT_EQ(Open().List()->size(), 2u);
}

TEST_F(HostileImageStoreTest, TheNextImportCleansUpAsWell) {
  ASSERT_THAT(Import("old"), IsOk());
  ASSERT_THAT(WriteFileAtomically(images_ + "/incoming/unfinished", ""), IsOk());
  std::filesystem::create_directories(images_ + "/incoming/tree/deep");
  Overwrite(BlobPath(Digest::Of("lost")), "lost");
  ASSERT_THAT(Import("new"), IsOk());
  EXPECT_EQ(CountIn("incoming"), 0u);
  EXPECT_FALSE(std::filesystem::exists(BlobPath(Digest::Of("lost"))));
}

TEST_F(HostileImageStoreTest, TellsDamagedManifests) {
  const auto digest = Import("one");
  ASSERT_THAT(digest, IsOk());
  const std::string good = *ReadFile(BlobPath(*digest));
  for (const std::string& text : {std::string(), std::string("{}"), good + " ",
                                  good.substr(0, good.size() / 2), std::string(2 << 20, 'x')}) {
    Overwrite(BlobPath(*digest), text);
    EXPECT_FALSE(StatusOfOnly().ok());
    EXPECT_FALSE(Open().Find("one").ok());
    EXPECT_FALSE(Open().Use("one").ok());
  }
  std::filesystem::remove(BlobPath(*digest));
  EXPECT_THAT(StatusOfOnly(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is missing")));
  // Nothing is pruned while it is not known what the image needs, and it can be removed.
  EXPECT_THAT(Open().Prune(false, progress_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one is broken")));
  EXPECT_THAT(Open().Remove("one", progress_), IsOk());
  EXPECT_EQ(CountIn("blobs/sha256"), 0u);
}

TEST_F(HostileImageStoreTest, TellsDamagedNames) {
  ASSERT_THAT(Import("one"), IsOk());
  const std::string other = Import("two")->ToString();
  for (const std::string& text :
       {std::string(), std::string("sha256:../../../etc/passwd\n"), std::string(4096, 'a')}) {
    Overwrite(images_ + "/names/one", text);
    EXPECT_FALSE(Open().Find("one").ok());
  }
  Overwrite(images_ + "/names/one", other + "\n");
  EXPECT_THAT(Open().Find("one"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("its manifest is that of two")));
  // A file of somebody else is not an image.
  Overwrite(images_ + "/names/.hidden", other + "\n");
  EXPECT_EQ(Open().List()->size(), 2u);
}

TEST_F(HostileImageStoreTest, TellsDamagedBlobsAndANewImportHealsThem) {
  ASSERT_THAT(Import("one"), IsOk());
  const Image image = *Open().Find("one");
  const std::string path = BlobPath(image.manifest.rootfs->digest);
  const std::string good = *ReadFile(path);

  Overwrite(path, good.substr(1));
  EXPECT_THAT(Open().PathOf(*image.manifest.rootfs),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("1048575 bytes"), HasSubstr("expected 1048576"))));
  std::string altered = good;
  altered[4711] ^= 1;
  Overwrite(path, altered);
  EXPECT_THAT(Open().PathOf(*image.manifest.rootfs), IsOk());
  EXPECT_THAT(Open().Verify(image, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("was altered")));
  std::filesystem::remove(path);
  EXPECT_THAT(Open().Verify(image, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is missing")));

  Overwrite(path, altered);
  ASSERT_THAT(Import("two"), IsOk());
  EXPECT_THAT(Open().Verify(image, progress_), IsOk());
}

TEST_F(HostileImageStoreTest, FollowsNoLinks) {
  ASSERT_THAT(Import("one"), IsOk());
  const Image image = *Open().Find("one");
  const std::string path = BlobPath(image.manifest.rootfs->digest);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(payload_, path);  // even to the right bytes
  EXPECT_THAT(Open().Verify(image, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("symbolic link")));

  std::filesystem::create_symlink(images_ + "/names/one", images_ + "/names/two");
  EXPECT_THAT(Open().Find("two"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("symbolic link")));
  // Not the link's target is removed.
  EXPECT_THAT(Open().Remove("two", progress_), IsOk());
  EXPECT_TRUE(std::filesystem::exists(images_ + "/names/one"));

  std::filesystem::create_directory(home_ + "/elsewhere");
  Overwrite(home_ + "/elsewhere/precious", "");
  std::filesystem::remove_all(images_ + "/incoming");
  std::filesystem::create_directory_symlink(home_ + "/elsewhere", images_ + "/incoming");
  EXPECT_THAT(ImageStore::Open(home_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("symbolic link")));
  EXPECT_THAT(Import("three"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("symbolic link")));
  EXPECT_TRUE(std::filesystem::exists(home_ + "/elsewhere/precious"));
}

TEST_F(HostileImageStoreTest, ImportsOnlyRegularFiles) {
  for (const char* path : {"/dev/zero", "/proc/self", "/nonexistent"}) {
    ImageStore store = Open();
    auto import = store.BeginImport("one", false, progress_);
    ASSERT_THAT(import, IsOk());
    const auto added = import->AddFile(path, "ext4", std::string("rootfs ") + path, progress_);
    EXPECT_THAT(std::string(added.status().message()), HasSubstr(path));
  }
}

TEST_F(HostileImageStoreTest, RefusesNamesThatLeaveTheStore) {
  for (const char* name : {"../one", "/one", ".", "..", "a/../../b", ""}) {
    EXPECT_THAT(Import(name), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name '")));
    EXPECT_THAT(Open().Find(name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name '")));
    EXPECT_THAT(Open().Remove(name, progress_),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name '")));
  }
}

// Runs `body` in a child process, for what cannot be undone in this one.
void InChild(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() && !::testing::Test::HasFailure() ? 0 : 1);
  ASSERT_GT(child, 0);
  int status;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(HostileImageStoreTest, AFullDiskIsAnErrorThatLeavesNothing) {
  ASSERT_THAT(Import("old"), IsOk());
  const size_t blobs = CountIn("blobs/sha256");
  InChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 512 << 10, .rlim_max = 512 << 10};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const auto imported = Import("new");
    EXPECT_FALSE(imported.ok());
    EXPECT_THAT(std::string(imported.status().message()), HasSubstr("rootfs " + payload_));
    return true;
  });
  EXPECT_EQ(CountIn("incoming"), 0u);
  EXPECT_EQ(CountIn("blobs/sha256"), blobs);
  EXPECT_THAT(Open().Find("old"), IsOk());
}

TEST_F(HostileImageStoreTest, AReadOnlyHomeCanBeRead) {
  // Where an ordinary user gets to: root, whom no mode stops, becomes one below.
  char place[] = "/tmp/voidbox_store_XXXXXX";
  ASSERT_NE(::mkdtemp(place), nullptr);
  home_ = std::string(place) + "/home";
  images_ = home_ + "/images";
  ASSERT_THAT(Import("one"), IsOk());
  ASSERT_EQ(::chmod(place, 0755), 0);
  ASSERT_EQ(::chmod((images_ + "/names/one").c_str(), 0444), 0);
  for (const std::string& path : {home_, images_, images_ + "/names", images_ + "/blobs",
                                  images_ + "/blobs/sha256", images_ + "/incoming"}) {
    ASSERT_EQ(::chmod(path.c_str(), 0555), 0);
  }
  InChild([&] {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) return false;
    ImageStore store = Open();
    store.Tidy();
    const auto lease = store.Use("one");
    EXPECT_THAT(lease, IsOk());
    EXPECT_THAT(store.Verify(lease->image, progress_), IsOk());
    EXPECT_EQ(store.List()->size(), 1u);
    for (const absl::Status& status :
         {Import("two").status(), store.Remove("one", progress_).status()}) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(images_)));
    }
    return true;
  });
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
    if (entry.is_directory()) ::chmod(entry.path().c_str(), 0755);
  }
  std::filesystem::remove_all(place);
}

class CancellingProgress final : public Progress {
 public:
  void Begin(absl::string_view, uint64_t) override {}
  absl::Status Advance(uint64_t) override { return absl::CancelledError("interrupted"); }
};

TEST_F(HostileImageStoreTest, AnInterruptedImportLeavesNothing) {
  CancellingProgress progress;
  EXPECT_THAT(Import("one", "kernel", false, &progress),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("interrupted")));
  EXPECT_EQ(CountIn("incoming"), 0u);
  EXPECT_EQ(CountIn("blobs/sha256"), 0u);
  EXPECT_THAT(*Open().List(), IsEmpty());
}

}  // namespace
}  // namespace voidbox
