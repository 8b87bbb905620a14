#include "agent/testing_server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/io.h"

namespace voidbox {
namespace {

// The first cgroup2 mount of proc(5), /proc/self/mountinfo.
std::string Cgroup2MountPoint() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (absl::StrContains(line, " - cgroup2 ")) return fields.at(4);
  }
  return "";
}

}  // namespace

TestingCgroup::TestingCgroup() {
  static int count = 0;
  const std::string mount = Cgroup2MountPoint();
  if (mount.empty()) return;
  const std::string path = absl::StrCat(mount, "/voidbox-test-", ::getpid(), "-", ++count);
  if (::mkdir(path.c_str(), 0755) != 0) return;
  // A mount without cgroup.kill (Linux before 5.14) does not do.
  if (::access((path + "/cgroup.kill").c_str(), W_OK) == 0) {
    path_ = path;
  } else {
    ::rmdir(path.c_str());
  }
}

TestingCgroup::~TestingCgroup() {
  if (!path_.empty()) {
    EXPECT_EQ(::rmdir(path_.c_str()), 0) << path_ << " is not empty";
  }
}

std::vector<std::string> TestingCgroup::Children() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  return names;
}

TestingServer::TestingServer(const Options& options) {
  loop_ = EventLoop::Create().value();
  // Before the thread, which inherits the blocked SIGCHLD.
  runner_ = ExecRunner::Create(
                *loop_, {.cgroups = {.parent = options.cgroup_parent}, .setting = options.setting})
                .value();
  service_ = std::make_unique<CallService>(
      *loop_, CallService::Options{.version = "test",
                                   .max_connections = options.max_connections,
                                   .handlers = runner_->Handlers(),
                                   .running_execs = [this] { return runner_->running(); },
                                   .shut_down = [this] { ++shutdowns_; }});
  thread_ = std::thread([this] { EXPECT_THAT(loop_->Run(), IsOk()); });
}

TestingServer::~TestingServer() {
  loop_->Stop();
  thread_.join();
}

TestingClient TestingServer::Connect(int send_buffer_bytes) {
  int pair[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  EXPECT_EQ(::fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
  if (send_buffer_bytes != 0) {
    EXPECT_EQ(
        ::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes)),
        0);
  }
  // std::function wants to be copied.
  auto ours = std::make_shared<UniqueFd>(pair[0]);
  loop_->Post([this, ours] { service_->Serve(std::move(*ours)); });
  return TestingClient(UniqueFd(pair[1]));
}

void TestingServer::AwaitTurn() {
  std::promise<void> turn;
  // The first task may run in the middle of a turn that has fetched its events before; between the
  // second and the third lies a whole one.
  loop_->Post([&] { loop_->Post([&] { loop_->Post([&] { turn.set_value(); }); }); });
  turn.get_future().wait();
}

std::shared_ptr<void> TestingServer::Hold() {
  auto release = std::make_shared<std::promise<void>>();
  std::promise<void> held;
  loop_->Post([&held, released = std::make_shared<std::future<void>>(release->get_future())] {
    held.set_value();
    released->wait();
  });
  held.get_future().wait();
  std::promise<void>* const promise = release.get();
  return {promise, [release](void*) { release->set_value(); }};
}

void TestingServer::AwaitIdle() {
  std::promise<void> idle;
  // Looks again at every turn of the loop; events come between.
  std::function<void()> look = [&] {
    if (service_->connections() == 0) {
      idle.set_value();
    } else {
      loop_->Post(look);
    }
  };
  loop_->Post(look);
  idle.get_future().wait();
}

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

std::vector<int> ProcessesWithArgument(const std::string& argument) {
  std::vector<int> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int pid;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const auto line = ReadFile(absl::StrCat("/proc/", pid, "/cmdline"));
    if (!line.ok()) continue;
    for (const absl::string_view one : absl::StrSplit(*line, '\0')) {
      if (one == argument) pids.push_back(pid);
    }
  }
  return pids;
}

}  // namespace voidbox
