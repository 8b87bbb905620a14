#ifndef VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_
#define VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_

#include <string>
#include <thread>
#include <vector>

#include "agent/files/testing_file_client.h"
#include "base/unique_fd.h"

namespace voidbox {

// A directory whose files calls are served from, by threads of this process: as a worker serves
// them, but for its confinement.
class TestingWorkspace {
 public:
  TestingWorkspace();
  // Waits for the calls, and removes the directory.
  ~TestingWorkspace();
  TestingWorkspace(const TestingWorkspace&) = delete;
  TestingWorkspace& operator=(const TestingWorkspace&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  int root() const { return root_.get(); }
  const TestingFileClient& client() const { return client_; }
  void AwaitCalls();

  void Write(const std::string& name, const std::string& contents) const;
  std::string Read(const std::string& name) const;
  // All that there is: "d a", "f a/b contents", "l a/c -> target", in order.
  std::vector<std::string> Tree() const;

 private:
  UniqueFd Connect();

  std::string path_;
  UniqueFd root_;
  TestingFileClient client_;
  std::vector<std::thread> calls_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_
