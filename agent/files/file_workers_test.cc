// Workers as the agent starts them: processes of this very program, confined.
#include "agent/files/file_workers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/call_service.h"
#include "agent/files/file_worker.h"
#include "agent/files/testing_file_client.h"
#include "agent/session_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Reply = TestingFileClient::Reply;
constexpr uid_t kUser = 1000;

class FileWorkersTest : public ::testing::Test {
 protected:
  FileWorkersTest() : client_([this] { return Connect(); }) {
    ::signal(SIGPIPE, SIG_IGN);
    workspace_ = ::testing::TempDir() + "/workspace.XXXXXX";
    EXPECT_NE(::mkdtemp(workspace_.data()), nullptr);
    EXPECT_EQ(::chown(workspace_.c_str(), kUser, kUser), 0);
    loop_ = EventLoop::Create().value();
    workers_ = std::make_unique<FileWorkers>(
        *loop_, trees_.emplace(*loop_), spawner_,
        FileWorkers::Options{.command = {"/proc/self/exe", kFileWorkerMode, workspace_},
                             .max_workers = 3});
    service_ = std::make_unique<CallService>(
        *loop_, CallService::Options{.version = "test", .handlers = workers_->Handlers()});
    thread_ = std::thread([this] { EXPECT_THAT(loop_->Run(), IsOk()); });
  }
  ~FileWorkersTest() override {
    AwaitIdle();
    loop_->Stop();
    thread_.join();
    std::filesystem::remove_all(workspace_);
  }

  UniqueFd Connect() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    EXPECT_EQ(::fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    loop_->Post([this, fd = pair[0]] { service_->Serve(UniqueFd(fd)); });
    return UniqueFd(pair[1]);
  }
  template <typename T>
  T OnLoop(std::function<T()> ask) {
    std::promise<T> answer;
    loop_->Post([&] { answer.set_value(ask()); });
    return answer.get_future().get();
  }
  // Looks again at every turn of the loop; events come between.
  void AwaitIdle() {
    while (OnLoop<size_t>([this] { return workers_->running(); }) != 0) std::this_thread::yield();
  }

  std::string workspace_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<SessionTrees> trees_;
  Spawner spawner_{{}};
  std::unique_ptr<FileWorkers> workers_;
  std::unique_ptr<CallService> service_;
  std::thread thread_;
  TestingFileClient client_;
};

TEST_F(FileWorkersTest, FilesAreTheUsers) {
  ASSERT_THAT(client_.Write("file", "contents").status, IsOk());
  const Reply reply = client_.Stat("/home/user/file");
  ASSERT_THAT(reply.status, IsOk());
  EXPECT_EQ(reply.file().uid(), kUser);
  EXPECT_EQ(reply.file().gid(), kUser);
  EXPECT_EQ(client_.Read("file").data, "contents");
  EXPECT_THAT(client_.MakeDirectory("open", false, 0777).status, IsOk());
  EXPECT_EQ(client_.Stat("open").file().mode(), 0777u) << "no umask takes bits away";
}

TEST_F(FileWorkersTest, MayDoWhatTheUserMay) {
  const std::string mine = workspace_ + "/roots";
  ASSERT_THAT(WriteFileAtomically(mine, "root's", 0600), IsOk());
  EXPECT_THAT(client_.Read("roots").status,
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("'roots'")));
  ASSERT_EQ(::mkdir((workspace_ + "/closed").c_str(), 0755), 0);
  EXPECT_THAT(client_.Write("closed/file", "x").status,
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("closed")));
}

TEST_F(FileWorkersTest, AWorkerIsConfined) {
  agent::Request request;
  request.mutable_file()->mutable_watch()->set_path("");
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_file());
  // The one child that there is.
  const auto children =
      ReadFile(absl::StrCat("/proc/self/task/", OnLoop<pid_t>(::gettid), "/children"));
  ASSERT_THAT(children, IsOk());
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(*children, &pid)) << *children;
  const std::string proc = absl::StrCat("/proc/", pid);
  const auto status = ReadFile(proc + "/status");
  ASSERT_THAT(status, IsOk());
  for (const char* line :
       {"Uid:\t1000\t1000\t1000\t1000", "Gid:\t1000\t1000\t1000\t1000", "Groups:\t \n",
        "NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
        "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000"}) {
    EXPECT_THAT(*status, HasSubstr(line));
  }
  EXPECT_EQ(std::filesystem::read_symlink(proc + "/root"), std::filesystem::canonical(workspace_));
  const auto limits = ReadFile(proc + "/limits");
  ASSERT_THAT(limits, IsOk());
  EXPECT_THAT(*limits, HasSubstr("Max processes             0 "));
  EXPECT_THAT(*limits, HasSubstr("Max core file size        0 "));
}

TEST_F(FileWorkersTest, AreBoundedInNumber) {
  agent::Request request;
  request.mutable_file()->mutable_watch()->set_path("");
  std::vector<UniqueFd> watches;
  for (int i = 0; i < 3; ++i) {
    watches.push_back(client_.Start(request));
    EXPECT_TRUE(TestingFileClient::Receive(watches.back().get()).has_file());
  }
  EXPECT_THAT(client_.Stat("").status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 3 at once")));
  watches.clear();
  AwaitIdle();
  EXPECT_THAT(client_.Stat("").status, IsOk());
}

TEST_F(FileWorkersTest, WhatIsSentBeforeTheAnswerIsRefused) {
  std::string bytes;
  agent::Request request;
  request.mutable_upload();
  ASSERT_THAT(AppendFrame(request, bytes), IsOk());
  const UniqueFd stream = Connect();
  ASSERT_THAT(WriteAll(stream.get(), bytes + "x"), IsOk());
  EXPECT_THAT(TestingFileClient::Finish(stream.get()).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("before the first answer")));
}

TEST_F(FileWorkersTest, AKilledWorkersUploadIsCleanedUpByTheNext) {
  agent::Request request;
  request.mutable_upload();
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
  EXPECT_FALSE(std::filesystem::is_empty(workspace_));
  const auto children =
      ReadFile(absl::StrCat("/proc/self/task/", OnLoop<pid_t>(::gettid), "/children"));
  int pid = 0;
  ASSERT_TRUE(children.ok() && absl::SimpleAtoi(*children, &pid));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const Reply killed = TestingFileClient::Finish(stream.get());
  EXPECT_FALSE(killed.has_done);
  EXPECT_FALSE(std::filesystem::is_empty(workspace_));
  EXPECT_THAT(client_.Upload("", std::string(1024, '\0')).status, IsOk());
  AwaitIdle();
  EXPECT_TRUE(std::filesystem::is_empty(workspace_));
}

TEST_F(FileWorkersTest, AnImageWithoutAWorkspaceIsTold) {
  std::filesystem::remove(workspace_);
  EXPECT_THAT(client_.Stat("").status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                                HasSubstr("home directory of uid 1000")));
  std::filesystem::create_directory(workspace_);
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == voidbox::kFileWorkerMode) {
    return voidbox::RunFileWorker(argv[2]);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
