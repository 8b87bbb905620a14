#ifndef VOIDBOX_TESTS_TEST_ROOTFS_H_
#define VOIDBOX_TESTS_TEST_ROOTFS_H_

#include <string>
#include <vector>

namespace voidbox {

// A small root file system for tests: the agent as /sbin/init and BusyBox in /bin, and none of the
// directories that the agent mounts on. Failures fail the test.
struct TestRootfs {
  std::string path;          // of the ext4 image
  std::string size = "32M";  // as mke2fs takes it
  std::string block_bytes = "1024";
  std::string features;               // beside mke2fs' own, as its -O takes them
  std::string agent;                  // the file
  std::vector<std::string> programs;  // files to have in /bin
};
void MakeTestRootfs(const TestRootfs& rootfs);

// Runs a program of this machine to its end; its exit status, and its output when asked for.
int RunProgram(const std::vector<std::string>& argv, std::string* output = nullptr);

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_TEST_ROOTFS_H_
