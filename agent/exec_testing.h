#ifndef VOIDBOX_AGENT_EXEC_TESTING_H_
#define VOIDBOX_AGENT_EXEC_TESTING_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/testing_client.h"
#include "agent/testing_server.h"

namespace voidbox {

// For timeouts of commands that must have come somewhere before.
inline constexpr uint64_t kEnoughToStartMs = 1500;

enum class Trees { kSessions, kCgroups };

// Where there is no cgroup2 to write to, sessions are what there is to test here; cgroups are also
// what //tests:agent_guest_test has.
std::vector<Trees> CgroupsIfAvailable();
std::vector<Trees> AvailableTrees();
std::string TreesName(const ::testing::TestParamInfo<Trees>& info);

// Waits until the process has ended.
void AwaitEnd(uint32_t pid);

// A named pipe, by which a script waits for the test or for another script.
class Fifo {
 public:
  Fifo();
  ~Fifo();
  const std::string& path() const { return path_; }
  // Waits for the reader, and lets it see the end.
  void Release() const;

 private:
  std::string path_;
};

// Commands through a CallService and its streams; each test must leave nothing behind.
class ExecTest : public ::testing::TestWithParam<Trees> {
 protected:
  using Result = TestingClient::Result;

  explicit ExecTest(const CommandSetting& setting = {});
  ~ExecTest() override;
  bool HasCgroups() const { return GetParam() == Trees::kCgroups; }

  // A shell that carries the test's mark, so that what it leaves behind is found.
  agent::Request Marked(const std::string& script) const {
    return TestingClient::Exec({"sh", "-c", script, mark_});
  }
  Result Run(const agent::Request& request) { return server_.Connect().Run(request); }

  TestingCgroup cgroup_;
  std::unique_ptr<TestingServer> owned_server_;
  TestingServer& server_;
  const std::string mark_;
};

// Asks of execs by their ids, too.
class AskingExecTest : public ExecTest {
 protected:
  using ExecTest::ExecTest;

  // The first frame of the answer.
  agent::ServerFrame Ask(const agent::Request& request);
  std::vector<agent::ExecInfo> List();
  agent::ServerFrame Kill(uint64_t id, uint32_t signal = 0);
};

// What a session cannot do, as SessionTrees says.
class CgroupExecTest : public ExecTest {};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_TESTING_H_
