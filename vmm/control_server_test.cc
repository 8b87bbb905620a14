#include "vmm/control_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() {
    char name[] = "/tmp/voidbox-control-XXXXXX";
    path_ = ::mkdtemp(name);
    directory_.Reset(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    loop_ = EventLoop::Create().value();
    server_ = ControlServer::Create(directory_.get(), "control.sock", *loop_,
                                    [this](const vmm::ControlRequest& request,
                                           ControlServer::Reply reply) { Handle(request, reply); })
                  .value();
    thread_ = std::thread([this] { EXPECT_THAT(loop_->Run(), IsOk()); });
  }
  ~ControlServerTest() override {
    loop_->Stop();
    thread_.join();
    ::unlinkat(directory_.get(), "control.sock", 0);
    ::rmdir(path_.c_str());
  }
  void Handle(const vmm::ControlRequest& request, const ControlServer::Reply& reply) {
    vmm::ControlReply answer;
    if (request.has_pause()) {
      held_.push_back(reply);
      return;
    }
    if (request.has_resume()) {
      answer.set_state(vmm::ControlReply::PAUSED);
      for (const auto& held : held_) held(answer);
    }
    answer.set_state(vmm::ControlReply::RUNNING);
    reply(answer);
  }
  UniqueFd Connect() {
    UniqueFd fd = ConnectUnix(directory_.get(), "control.sock").value();
    ::fcntl(fd.get(), F_SETFL, 0);  // blocking, for the frame functions
    return fd;
  }
  static vmm::ControlRequest Status() {
    vmm::ControlRequest request;
    request.mutable_status();
    return request;
  }

  std::string path_;
  UniqueFd directory_;
  std::unique_ptr<EventLoop> loop_;
  std::vector<ControlServer::Reply> held_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

TEST_F(ControlServerTest, AnswersRequestsInOrder) {
  const UniqueFd client = Connect();
  std::string two;
  ASSERT_THAT(AppendFrame(Status(), two), IsOk());
  ASSERT_THAT(AppendFrame(Status(), two), IsOk());
  ASSERT_THAT(WriteAll(client.get(), two), IsOk());
  for (int i = 0; i < 2; ++i) {
    vmm::ControlReply reply;
    ASSERT_THAT(ReadFrame(client.get(), reply), IsOk());
    EXPECT_EQ(reply.state(), vmm::ControlReply::RUNNING);
  }
}

TEST_F(ControlServerTest, ALateAnswerForAClientThatLeftIsDropped) {
  {
    const UniqueFd client = Connect();
    vmm::ControlRequest pause;
    pause.mutable_pause();
    ASSERT_THAT(WriteFrame(client.get(), pause), IsOk());
    const UniqueFd other = Connect();
    ASSERT_THAT(WriteFrame(other.get(), Status()), IsOk());
    vmm::ControlReply reply;
    ASSERT_THAT(ReadFrame(other.get(), reply), IsOk()) << "the pause was handled before";
  }
  const UniqueFd client = Connect();
  vmm::ControlRequest resume;
  resume.mutable_resume();
  ASSERT_THAT(WriteFrame(client.get(), resume), IsOk());
  vmm::ControlReply reply;
  ASSERT_THAT(ReadFrame(client.get(), reply), IsOk());
  EXPECT_EQ(reply.state(), vmm::ControlReply::RUNNING);
}

TEST_F(ControlServerTest, GarbageEndsOnlyItsOwnConnection) {
  const UniqueFd good = Connect();
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff", 4), std::string("\1\0\0\0\xff", 5)}) {
    const UniqueFd bad = Connect();
    ASSERT_THAT(WriteAll(bad.get(), bytes), IsOk());
    char byte;
    EXPECT_EQ(ReadUpTo(bad.get(), &byte, 1).value(), 0u) << "the server hangs up";
  }
  ASSERT_THAT(WriteFrame(good.get(), Status()), IsOk());
  vmm::ControlReply reply;
  EXPECT_THAT(ReadFrame(good.get(), reply), IsOk());
}

TEST_F(ControlServerTest, MoreClientsThanItServesWaitForTheirTurn) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 24; ++i) clients.push_back(Connect());
  for (UniqueFd& client : clients) {
    ASSERT_THAT(WriteFrame(client.get(), Status()), IsOk());
    vmm::ControlReply reply;
    ASSERT_THAT(ReadFrame(client.get(), reply), IsOk());
    client.Reset();
  }
}

TEST_F(ControlServerTest, AClientThatCameWhenDescriptorsHadRunOutIsServedWhenThereAreSome) {
  // Not std::promise: UBSan's check of a virtual call makes a pipe to look at the object with.
  absl::Notification connected, refused;
  loop_->Post([&] { connected.WaitForNotification(); });  // holds the server still
  const UniqueFd client = Connect();
  ASSERT_THAT(WriteFrame(client.get(), Status()), IsOk());
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  connected.Notify();
  // Two turns of the loop, in the first of which at the latest it has tried.
  loop_->Post([&] { loop_->Post([&] { loop_->Post([&] { refused.Notify(); }); }); });
  refused.WaitForNotification();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  vmm::ControlReply reply;
  ASSERT_THAT(ReadFrame(client.get(), reply), IsOk());
  EXPECT_EQ(reply.state(), vmm::ControlReply::RUNNING);
}

TEST_F(ControlServerTest, AStoppedServerHangsUpAndDropsLateAnswers) {
  const UniqueFd waiting = Connect();
  vmm::ControlRequest pause;
  pause.mutable_pause();
  ASSERT_THAT(WriteFrame(waiting.get(), pause), IsOk());
  const UniqueFd client = Connect();
  ASSERT_THAT(WriteFrame(client.get(), Status()), IsOk());
  vmm::ControlReply reply;
  ASSERT_THAT(ReadFrame(client.get(), reply), IsOk()) << "the pause was handled before";
  loop_->Post([this] {
    server_->Stop();
    for (const auto& held : held_) held(vmm::ControlReply());
  });
  for (const UniqueFd* fd : {&waiting, &client}) {
    char byte;
    EXPECT_EQ(ReadUpTo(fd->get(), &byte, 1).value(), 0u);
  }
}

}  // namespace
}  // namespace voidbox
