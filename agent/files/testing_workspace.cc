#include "agent/files/testing_workspace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/files/file_worker.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {

TestingWorkspace::TestingWorkspace() : client_([this] { return Connect(); }) {
  ::signal(SIGPIPE, SIG_IGN);
  path_ = ::testing::TempDir() + "/workspace.XXXXXX";
  EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  root_.Reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

TestingWorkspace::~TestingWorkspace() {
  AwaitCalls();
  std::filesystem::remove_all(path_);
}

void TestingWorkspace::AwaitCalls() {
  for (std::thread& call : calls_) call.join();
  calls_.clear();
}

UniqueFd TestingWorkspace::Connect() {
  int pair[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  calls_.emplace_back([this, fd = pair[0]] {
    const UniqueFd stream(fd);
    agent::Request request;
    if (!ReadFrame(stream.get(), request).ok()) return;
    static_cast<void>(ServeFileCall(root(), request, stream.get()));
  });
  return UniqueFd(pair[1]);
}

void TestingWorkspace::Write(const std::string& name, const std::string& contents) const {
  EXPECT_THAT(WriteFileAtomically(Path(name), contents), IsOk());
}

std::string TestingWorkspace::Read(const std::string& name) const {
  const auto contents = ReadFile(Path(name));
  EXPECT_THAT(contents, IsOk());
  return contents.value_or("");
}

std::vector<std::string> TestingWorkspace::Tree() const {
  std::vector<std::string> tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    const std::string name = entry.path().string().substr(path_.size() + 1);
    if (entry.is_symlink()) {
      tree.push_back("l " + name + " -> " + std::filesystem::read_symlink(entry).string());
    } else if (entry.is_directory()) {
      tree.push_back("d " + name);
    } else if (entry.is_regular_file()) {
      tree.push_back("f " + name + " " + Read(name));
    } else {
      tree.push_back("? " + name);
    }
  }
  std::sort(tree.begin(), tree.end());
  return tree;
}

}  // namespace voidbox
