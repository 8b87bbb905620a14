#include "sandbox/emulated_host/hostd_sandboxes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "sandbox/child_process.h"
#include "sandbox/living_sandboxes.h"
#include "sandbox/process_identity.h"

namespace voidbox {
namespace {

constexpr char kId[] = "0123456789ab";

class HostdSandboxesTest : public ::testing::Test {
 protected:
  HostdSandboxesTest() {
    ::signal(SIGPIPE, SIG_IGN);
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_ + "/" + kId);
    directory_.Reset(::open((path_ + "/" + kId).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Publish({.id = kId, .vmm = Own(), .owner = Own(), .name = "web"});
  }

  static ProcessIdentity Own() { return IdentifyProcess(::getpid()).value(); }
  void Publish(const SandboxRecord& record) {
    ASSERT_THAT(
        WriteFileAtomically(path_ + "/" + record.id + "/" + kRecordName, ToJson(record).dump()),
        IsOk());
  }
  UniqueFd Ask(const std::function<void(host::HostdRequest&)>& fill) {
    host::HostdRequest request;
    fill(request);
    return sandboxes_.Answer(request.SerializeAsString());
  }
  UniqueFd AskToConnect(const std::string& id) {
    return Ask([&](host::HostdRequest& request) {
      request.mutable_connect()->set_id(id);
      request.mutable_connect()->set_socket(host::ConnectRequest::VSOCK);
    });
  }
  std::vector<host::HostdReply> Replies(const UniqueFd& stream) {
    std::vector<host::HostdReply> replies;
    FrameReader reader;
    for (;;) {
      char bytes[4096];
      const ssize_t got = ::read(stream.get(), bytes, sizeof(bytes));
      if (got == 0) return replies;
      if (got < 0) {
        EXPECT_THAT(loop_->RunOnce(absl::Seconds(60)), IsOk());
        continue;
      }
      reader.Append({bytes, static_cast<size_t>(got)});
      for (auto payload = reader.Next(); payload.ok() && payload->has_value();
           payload = reader.Next()) {
        replies.emplace_back();
        EXPECT_TRUE(replies.back().ParseFromString(std::string(**payload)));
      }
    }
  }

  const std::string path_ = ::testing::TempDir() + "/hostd_sandboxes_test";
  UniqueFd directory_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  HostdSandboxes sandboxes_{*loop_, path_};
};

TEST_F(HostdSandboxesTest, ListsThoseThatLiveAndRemovesWhatOthersLeft) {
  std::filesystem::create_directories(path_ + "/dead00000000");
  Publish({.id = "dead00000000", .vmm = {.pid = ::getpid(), .start_time = 1}});
  std::filesystem::create_directories(path_ +
                                      "/beef00000000");  // its owner died before it published
  const auto replies = Replies(Ask([](host::HostdRequest& request) { request.mutable_list(); }));
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].sandbox().id(), kId);
  const auto record = ParseSandboxRecord(kId, replies[0].sandbox().record());
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->name, "web");
  EXPECT_TRUE(replies[1].has_done());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/dead00000000"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/beef00000000"));
}

TEST_F(HostdSandboxesTest, AListThatNobodyReadsIsKeptUntilSomebodyDoes) {
  SandboxRecord record = {.id = kId, .vmm = Own(), .owner = Own()};
  record.command = {std::string(200 << 10, 'c')};
  Publish(record);
  std::filesystem::copy(path_ + "/" + kId, path_ + "/0123456789ac");
  const auto list = [](host::HostdRequest& request) { request.mutable_list(); };
  { const UniqueFd left = Ask(list); }  // hangs up at once
  EXPECT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(Replies(Ask(list)).size(), 3u);
}

TEST_F(HostdSandboxesTest, AConnectionIsTheVmmsSocketItself) {
  const UniqueFd listener = ListenUnix(directory_.get(), kVsockSocket).value();
  const UniqueFd stream = AskToConnect(kId);
  ASSERT_TRUE(stream);
  ASSERT_THAT(WriteAll(stream.get(), "CONNECT 1234\n"), IsOk());
  const UniqueFd vmm = AcceptUnix(listener.get()).value();
  ASSERT_TRUE(vmm);
  char line[13];
  EXPECT_EQ(ReadUpTo(vmm.get(), line, sizeof(line)).value(), sizeof(line));
}

TEST_F(HostdSandboxesTest, RefusesIdsThatAreNoneAndSandboxesThatAreNot) {
  for (const char* id : {"", "..", "../x", "0123456789ab/", "beef00000000", kId}) {
    EXPECT_FALSE(AskToConnect(id)) << id;  // of kId, no VMM listens
    if (std::string(id) == kId) continue;
    const auto replies =
        Replies(Ask([&](host::HostdRequest& request) { request.mutable_end()->set_id(id); }));
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(replies[0].failure().code(), static_cast<int>(absl::StatusCode::kNotFound));
  }
}

TEST_F(HostdSandboxesTest, EndsASandboxAndSaysWhenItHasEnded) {
  ChildProcess owner = ChildProcess::Spawn({.argv = {"/bin/sleep", "1000"}}).value();
  Publish({.id = kId,
           .vmm = IdentifyProcess(owner.pid()).value(),
           .owner = IdentifyProcess(owner.pid()).value(),
           .detached = true});
  const auto replies = Replies(Ask([](host::HostdRequest& request) {
    request.mutable_end()->set_id(kId);
    request.mutable_end()->set_orderly(true);
    request.mutable_end()->set_patience_ms(UINT64_MAX);
  }));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_TRUE(replies[0].has_done());
  EXPECT_EQ(DescribeWaitStatus(owner.Wait().value()), "signal 15 (Terminated)");
}

TEST_F(HostdSandboxesTest, RefusesWhatIsNoRequest) {
  EXPECT_FALSE(sandboxes_.Answer("\xff\xff"));
  const auto replies = Replies(Ask([](host::HostdRequest&) {}));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].failure().code(), static_cast<int>(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace voidbox
