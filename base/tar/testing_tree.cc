#include "base/tar/testing_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {

TestingTree::TestingTree() {
  path_ = ::testing::TempDir() + "/tree.XXXXXX";
  EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  root_.Reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

TestingTree::~TestingTree() { std::filesystem::remove_all(path_); }

void TestingTree::Directory(const std::string& name) const {
  std::filesystem::create_directories(Path(name));
}

void TestingTree::Write(const std::string& name, const std::string& contents) const {
  EXPECT_THAT(WriteFileAtomically(Path(name), contents), IsOk());
}

void TestingTree::Link(const std::string& name, const std::string& target) const {
  EXPECT_EQ(::symlink(target.c_str(), Path(name).c_str()), 0);
}

std::string TestingTree::Read(const std::string& name) const {
  const auto contents = ReadFile(Path(name));
  EXPECT_THAT(contents, IsOk());
  return contents.value_or("");
}

std::vector<std::string> TestingTree::Tree() const {
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
