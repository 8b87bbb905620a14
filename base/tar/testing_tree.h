#ifndef VOIDBOX_BASE_TAR_TESTING_TREE_H_
#define VOIDBOX_BASE_TAR_TESTING_TREE_H_

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace voidbox {

// A directory that a test fills and looks at; removed with this.
class TestingTree {
 public:
  TestingTree();
  ~TestingTree();
  TestingTree(const TestingTree&) = delete;
  TestingTree& operator=(const TestingTree&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  int root() const { return root_.get(); }

  void Directory(const std::string& name) const;  // and those on the way
  void Write(const std::string& name, const std::string& contents) const;
  void Link(const std::string& name, const std::string& target) const;
  std::string Read(const std::string& name) const;
  // All that there is: "d a", "f a/b contents", "l a/c -> target", in order.
  std::vector<std::string> Tree() const;

 private:
  std::string path_;
  UniqueFd root_;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_TESTING_TREE_H_
