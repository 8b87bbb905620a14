#ifndef VOIDBOX_AGENT_TESTING_SERVER_H_
#define VOIDBOX_AGENT_TESTING_SERVER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/call_service.h"
#include "agent/command.h"
#include "agent/exec_runner.h"
#include "agent/testing_client.h"
#include "base/event_loop.h"

namespace voidbox {

// Where a test may make cgroups: a fresh directory in this machine's cgroup2 file system, removed
// at the end. Its path is empty where there is none that we may write to.
class TestingCgroup {
 public:
  TestingCgroup();
  ~TestingCgroup();
  TestingCgroup(const TestingCgroup&) = delete;
  TestingCgroup& operator=(const TestingCgroup&) = delete;

  const std::string& path() const { return path_; }
  // The names of the cgroups inside.
  std::vector<std::string> Children() const;

 private:
  std::string path_;
};

// A CallService that runs commands, on a loop in a thread of its own.
class TestingServer {
 public:
  struct Options {
    std::string cgroup_parent;  // empty: trees are sessions
    size_t max_connections = 256;
    CommandSetting setting;
  };
  explicit TestingServer(const Options& options);
  ~TestingServer();

  // A new call. The agent's side of the stream buffers so many bytes, or as many as the kernel
  // likes.
  TestingClient Connect(int send_buffer_bytes = 0);
  // Waits until the loop has handled every event that is there now.
  void AwaitTurn();
  // The loop stands still while what this returns lives.
  std::shared_ptr<void> Hold();
  // Waits until no call is left.
  void AwaitIdle();
  size_t shutdowns() const { return shutdowns_; }  // after AwaitIdle

 private:
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ExecRunner> runner_;
  std::unique_ptr<CallService> service_;
  size_t shutdowns_ = 0;
  std::thread thread_;
};

// The descriptors that this process has open.
size_t OpenDescriptors();
// The processes of this machine, zombies left out, of which some argument is `argument`.
std::vector<int> ProcessesWithArgument(const std::string& argument);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_TESTING_SERVER_H_
