#include "tests/test_rootfs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"

namespace voidbox {
namespace {

// Owns a directory tree for mke2fs -d.
class Tree {
 public:
  explicit Tree(std::filesystem::path root) : root_(std::move(root)) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ / "bin");
    std::filesystem::create_directories(root_ / "sbin");
  }
  ~Tree() { std::filesystem::remove_all(root_); }

  void Add(const std::filesystem::path& source, const std::string& target) const {
    std::error_code error;
    std::filesystem::copy_file(source, root_ / target, error);
    EXPECT_FALSE(error) << source << ": " << error.message();
  }
  void Link(const std::string& target, const std::string& link) const {
    std::filesystem::create_symlink(target, root_ / link);
  }
  std::string root() const { return root_.string(); }

 private:
  const std::filesystem::path root_;
};

}  // namespace

void MakeTestRootfs(const TestRootfs& rootfs) {
  const Tree tree(rootfs.path + ".tree");
  tree.Add(rootfs.agent, "sbin/guest-agent");
  tree.Link("guest-agent", "sbin/init");
  tree.Add("/bin/busybox", "bin/busybox");
  for (const char* applet : {"cat", "df", "dd", "echo", "grep", "ls", "mkdir", "mount", "rm", "sh",
                             "sleep", "sync", "test"}) {
    tree.Link("busybox", std::string("bin/") + applet);
  }
  for (const std::filesystem::path program : rootfs.programs) {
    tree.Add(program, "bin/" + program.filename().string());
  }
  std::filesystem::remove(rootfs.path);
  std::string output;
  std::vector<std::string> command = {"/sbin/mke2fs",     "-q", "-t",       "ext4", "-b",
                                      rootfs.block_bytes, "-d", tree.root()};
  if (!rootfs.features.empty()) command.insert(command.end(), {"-O", rootfs.features});
  command.insert(command.end(), {rootfs.path, rootfs.size});
  ASSERT_EQ(RunProgram(command, &output), 0) << output;
}

int RunProgram(const std::vector<std::string>& argv, std::string* output) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read(ends[0]), write(ends[1]);
  auto child = ChildProcess::Spawn(
      {.argv = argv, .descriptors = {{write.get(), STDOUT_FILENO}, {write.get(), STDERR_FILENO}}});
  EXPECT_THAT(child, IsOk()) << argv[0];
  if (!child.ok()) return -1;
  write.Reset();
  std::string text;
  char bytes[4096];
  while (const size_t got = ReadUpTo(read.get(), bytes, sizeof(bytes)).value_or(0)) {
    text.append(bytes, got);
  }
  if (output != nullptr) *output = std::move(text);
  const auto status = child->Wait();
  EXPECT_THAT(status, IsOk());
  return status.ok() && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

}  // namespace voidbox
