#include "agent/exec_testing.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"

namespace voidbox {

std::vector<Trees> CgroupsIfAvailable() {
  if (TestingCgroup().path().empty()) return {};
  return {Trees::kCgroups};
}

std::vector<Trees> AvailableTrees() {
  std::vector<Trees> trees = CgroupsIfAvailable();
  trees.push_back(Trees::kSessions);
  return trees;
}

std::string TreesName(const ::testing::TestParamInfo<Trees>& info) {
  return info.param == Trees::kCgroups ? "Cgroups" : "Sessions";
}

void AwaitEnd(uint32_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return;  // gone and reaped
  pollfd event = {.fd = process.get(), .events = POLLIN, .revents = 0};
  while (::poll(&event, 1, -1) < 0) ASSERT_EQ(errno, EINTR);
}

Fifo::Fifo() {
  static int count = 0;
  path_ = absl::StrCat(::testing::TempDir(), "/fifo-", ::getpid(), "-", ++count);
  EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
}

Fifo::~Fifo() { ::unlink(path_.c_str()); }

void Fifo::Release() const { UniqueFd(::open(path_.c_str(), O_WRONLY)).Reset(); }

ExecTest::ExecTest(const CommandSetting& setting)
    : owned_server_(std::make_unique<TestingServer>(TestingServer::Options{
          .cgroup_parent = HasCgroups() ? cgroup_.path() : "", .setting = setting})),
      server_(*owned_server_),
      mark_(absl::StrCat("voidbox-exec-test-", ::getpid())) {}

ExecTest::~ExecTest() {
  server_.AwaitIdle();
  owned_server_.reset();
  if (!cgroup_.path().empty()) {
    EXPECT_EQ(cgroup_.Children(), std::vector<std::string>());
  }
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

agent::ServerFrame AskingExecTest::Ask(const agent::Request& request) {
  TestingClient client = server_.Connect();
  client.Send(request);
  auto frame = client.Receive();
  EXPECT_THAT(frame, IsOk());
  return frame.value_or(agent::ServerFrame());
}

std::vector<agent::ExecInfo> AskingExecTest::List() {
  agent::Request request;
  request.mutable_list_execs();
  const agent::ServerFrame frame = Ask(request);
  return {frame.execs().execs().begin(), frame.execs().execs().end()};
}

agent::ServerFrame AskingExecTest::Kill(uint64_t id, uint32_t signal) {
  agent::Request request;
  request.mutable_kill_exec()->set_id(id);
  request.mutable_kill_exec()->set_signal(signal);
  return Ask(request);
}

}  // namespace voidbox
