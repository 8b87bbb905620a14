#include "image/store/container_config.h"

#include <optional>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ContainerConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto tree = FileTree::Create();
    ASSERT_THAT(tree, IsOk());
    tree_.emplace(*std::move(tree));
    AddFile("etc/passwd", "root:x:0:0::/root:/bin/sh\nwww:x:33:34::/var/www:/bin/sh\n");
    AddFile("etc/group", "staff:x:90:\n");
  }
  void AddFile(const std::string& path, const std::string& text) {
    ASSERT_THAT(tree_->AddFile(path, {.mtime = 7}, *tree_->spool().Add(text)), IsOk());
  }
  // The configuration with its directories made.
  absl::StatusOr<ImageConfig> Adopt(const OciImageConfig& config) {
    auto adopted = AdoptContainerConfig(config, *tree_);
    if (!adopted.ok()) return adopted.status();
    if (absl::Status made = MakeDirectories(*adopted, *tree_); !made.ok()) return made;
    return adopted->config;
  }
  std::string WorkingDirectory(const std::string& written) {
    const auto adopted = Adopt({.working_dir = written});
    EXPECT_THAT(adopted, IsOk()) << written;
    return adopted.ok() ? adopted->working_directory : "";
  }
  std::optional<FileTree> tree_;
};

TEST_F(ContainerConfigTest, KeepsWhatTheImageRuns) {
  const auto config = Adopt({.entrypoint = {"/entry", "", "two\nlines"}, .cmd = {"serve"}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->entrypoint, (std::vector<std::string>{"/entry", "", "two\nlines"}));
  EXPECT_EQ(config->command, std::vector<std::string>{"serve"});
  EXPECT_EQ(config->user, "");
  EXPECT_EQ(config->working_directory, "");
}

TEST_F(ContainerConfigTest, AVariableWithoutANameOrAValueIsNone) {
  EXPECT_EQ(Adopt({.env = {"A=b", "BARE", "=x", "", "C=", "D=x=y"}})->environment,
            (std::vector<std::string>{"A=b", "C=", "D=x=y"}));
}

TEST_F(ContainerConfigTest, TheUserIsResolvedInTheImagesOwnFiles) {
  EXPECT_EQ(Adopt({.user = "www"})->user, "www");
  EXPECT_EQ(Adopt({.user = "www:staff"})->user, "33:90");
  EXPECT_THAT(Adopt({.user = "user"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no 'user'")));
  ASSERT_THAT(tree_->Remove("etc/passwd"), IsOk());
  EXPECT_EQ(Adopt({.user = "33"})->user, "33:0");
  ASSERT_THAT(tree_->AddDirectory("etc/passwd", {}), IsOk());
  EXPECT_EQ(Adopt({.user = "33"})->user, "33:0");
}

TEST_F(ContainerConfigTest, MakesTheWorkingDirectoryForWhomCommandsRunAs) {
  ASSERT_THAT(Adopt({.working_dir = "/srv/app", .user = "www:staff"}), IsOk());
  const Inode* made = tree_->Find("srv/app");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->type, FileType::kDirectory);
  EXPECT_EQ(made->metadata.permissions, 0755u);
  EXPECT_EQ(made->metadata.uid, 33u);
  EXPECT_EQ(made->metadata.gid, 90u);
  EXPECT_EQ(tree_->Find("srv")->metadata.uid, 0u);  // on the way
  ASSERT_THAT(Adopt({.working_dir = "/other"}), IsOk());
  EXPECT_EQ(tree_->Find("other")->metadata.uid, 1000u);  // `user`, who runs what names nobody
}

TEST_F(ContainerConfigTest, LeavesAWorkingDirectoryThatIsThereAsItIs) {
  ASSERT_THAT(tree_->AddDirectory("data", {.permissions = 01777, .uid = 5}), IsOk());
  ASSERT_THAT(tree_->AddSymlink("link", {}, "data"), IsOk());
  ASSERT_THAT(tree_->AddSymlink("dangling", {}, "/data/new"), IsOk());
  ASSERT_THAT(Adopt({.working_dir = "/data"}), IsOk());
  ASSERT_THAT(Adopt({.working_dir = "/link", .user = "www"}), IsOk());
  ASSERT_THAT(Adopt({.working_dir = "/"}), IsOk());
  EXPECT_EQ(tree_->Find("data")->metadata.permissions, 01777u);
  EXPECT_EQ(tree_->Find("data")->metadata.uid, 5u);
  EXPECT_EQ(tree_->Find("link")->type, FileType::kSymlink);
  ASSERT_THAT(Adopt({.working_dir = "/dangling", .user = "www"}), IsOk());
  EXPECT_EQ(tree_->Find("dangling")->type, FileType::kSymlink);
  EXPECT_EQ(tree_->Find("data/new")->metadata.uid, 33u);
}

TEST_F(ContainerConfigTest, MakesTheDirectoriesOfVolumesForRoot) {
  ASSERT_THAT(tree_->AddDirectory("data", {.permissions = 01777, .uid = 5}), IsOk());
  ASSERT_THAT(Adopt({.user = "www", .volumes = {"/data", "/var/lib/db", "cache/../c"}}), IsOk());
  EXPECT_EQ(tree_->Find("data")->metadata.uid, 5u);
  for (const char* const path : {"var/lib/db", "c"}) {
    ASSERT_NE(tree_->Find(path), nullptr) << path;
    EXPECT_EQ(tree_->Find(path)->metadata.uid, 0u);
  }
  EXPECT_EQ(tree_->Find("cache"), nullptr);
  EXPECT_THAT(Adopt({.volumes = {"/etc/passwd/x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("its volume '/etc/passwd/x' cannot be made")));
}

TEST_F(ContainerConfigTest, APathIsCleanAndBelowTheRoot) {
  EXPECT_EQ(WorkingDirectory("app"), "/app");
  EXPECT_EQ(WorkingDirectory("./a//b/./c/"), "/a/b/c");
  EXPECT_EQ(WorkingDirectory("//srv"), "/srv");
  EXPECT_EQ(WorkingDirectory("/a/../../b"), "/b");
  EXPECT_EQ(WorkingDirectory(".."), "/");
  EXPECT_EQ(WorkingDirectory("."), "/");
  EXPECT_NE(tree_->Find("a/b/c"), nullptr);
}

TEST_F(ContainerConfigTest, RefusesAWorkingDirectoryThatCannotBe) {
  ASSERT_THAT(tree_->AddSymlink("loop", {}, "loop"), IsOk());
  for (const std::string& directory :
       {std::string("/etc/passwd"), std::string("/etc/passwd/x"), std::string("/loop"),
        std::string("/a\0b", 4), "/" + std::string(300, 'n')}) {
    EXPECT_THAT(Adopt({.working_dir = directory}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("its working directory '/"), HasSubstr("cannot be made"))))
        << directory;
  }
}

}  // namespace
}  // namespace voidbox
