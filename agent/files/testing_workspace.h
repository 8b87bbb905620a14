#ifndef VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_
#define VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_

#include <thread>
#include <vector>

#include "agent/files/testing_file_client.h"
#include "base/tar/testing_tree.h"
#include "base/unique_fd.h"

namespace voidbox {

// A directory whose files calls are served from, by threads of this process: as a worker serves
// them, but for its confinement.
class TestingWorkspace : public TestingTree {
 public:
  TestingWorkspace();
  // Waits for the calls.
  ~TestingWorkspace();

  const TestingFileClient& client() const { return client_; }
  void AwaitCalls();

 private:
  UniqueFd Connect();

  TestingFileClient client_;
  std::vector<std::thread> calls_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TESTING_WORKSPACE_H_
