#include "sandbox/emulated_host/host_client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class HostClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    files_.home = ::testing::TempDir() + "/host_client_test";
    std::filesystem::remove_all(files_.home);
    std::filesystem::create_directories(files_.home + "/host");
    files_.cache = files_.home + "/cache";
    files_.broker = "/bin/false";
    directory_.Reset(::open((files_.home + "/host").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override {
    if (broker_ <= 0) return;
    ::kill(broker_, SIGKILL);
    ::waitpid(broker_, nullptr, 0);
  }

  // A process that listens as a broker does, and then does `serve` with its first connection.
  void StartBroker(const std::function<void(int)>& serve) {
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const UniqueFd ready_read(ready[0]);
    UniqueFd ready_write(ready[1]);
    broker_ = ::fork();
    ASSERT_GE(broker_, 0);
    if (broker_ != 0) {
      ready_write.Reset();
      char byte;
      ASSERT_THAT(ReadUpTo(ready_read.get(), &byte, 1), IsOk());  // its end
      return;
    }
    const auto listener = ListenUnix(directory_.get(), "host.sock");
    if (!listener.ok()) ::_exit(1);
    ready_write.Reset();
    ::fcntl(listener->get(), F_SETFL, 0);
    const auto socket = AcceptUnix(listener->get());
    if (!socket.ok()) ::_exit(1);
    ::fcntl(socket->get(), F_SETFL, 0);
    serve(socket->get());
    ::_exit(0);
  }
  static void NeverAnswer(int) {
    for (;;) ::pause();
  }
  static void TakeRequest(int socket) {
    host::HostRequest request;
    if (!ReadFrame(socket, request).ok()) ::_exit(1);
  }

  HostFiles files_;
  UniqueFd directory_;
  pid_t broker_ = -1;
};

TEST_F(HostClientTest, NoHostIsNoError) {
  const auto status = GetHostStatus(files_.home);
  ASSERT_THAT(status, IsOk());
  EXPECT_FALSE(status->has_value());
  const auto stopped = StopHost(files_.home);
  ASSERT_THAT(stopped, IsOk());
  EXPECT_FALSE(*stopped);
}

TEST_F(HostClientTest, GivesTheStatus) {
  StartBroker([](int socket) {
    TakeRequest(socket);
    host::HostReply reply;
    reply.mutable_status()->set_qemu_pid(77);
    static_cast<void>(WriteFrame(socket, reply));
  });
  const auto status = GetHostStatus(files_.home);
  ASSERT_THAT(status, IsOk());
  ASSERT_TRUE(status->has_value());
  EXPECT_EQ((*status)->qemu_pid(), 77);
}

TEST_F(HostClientTest, ABrokerThatEndsInsteadOfAnsweringIsNone) {
  StartBroker(TakeRequest);
  const auto status = GetHostStatus(files_.home);
  ASSERT_THAT(status, IsOk());
  EXPECT_FALSE(status->has_value());
}

TEST_F(HostClientTest, DoesNotWaitForTheStatusOfABrokerThatIsStopped) {
  StartBroker(NeverAnswer);
  EXPECT_THAT(
      GetHostStatus(files_.home, absl::Milliseconds(50)),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("has not answered for 50ms")));
}

TEST_F(HostClientTest, StopsTheHost) {
  StartBroker(TakeRequest);
  const auto stopped = StopHost(files_.home);
  ASSERT_THAT(stopped, IsOk());
  EXPECT_TRUE(*stopped);
}

TEST_F(HostClientTest, KillsABrokerThatDoesNotStop) {
  StartBroker([](int socket) {
    TakeRequest(socket);
    NeverAnswer(socket);
  });
  const auto stopped = StopHost(files_.home, absl::Milliseconds(200));
  ASSERT_THAT(stopped, IsOk());
  EXPECT_TRUE(*stopped);
  int status = 0;
  ASSERT_EQ(::waitpid(broker_, &status, 0), broker_);
  broker_ = -1;
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(HostClientTest, SaysWhyTheBrokerCouldNotStart) {
  files_.broker = files_.home + "/broker.sh";
  ASSERT_THAT(WriteFileAtomically(files_.broker, "#!/bin/sh\necho no luck >&2\nexit 1\n", 0755),
              IsOk());
  EXPECT_THAT(ConnectToHost(files_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no luck")));
}

// Signals are events of a loop that does not run while a command waits for these.

TEST_F(HostClientTest, AnInterruptEndsTheWaitForAnotherCommandThatStartsTheHost) {
  const UniqueFd lock(::openat(directory_.get(), "start.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const UniqueFd interrupt(::eventfd(0, EFD_CLOEXEC));
  std::thread signal([&] { ::eventfd_write(interrupt.get(), 1); });
  EXPECT_THAT(ConnectToHost(files_, interrupt.get()), StatusIs(absl::StatusCode::kCancelled, _));
  signal.join();
}

TEST_F(HostClientTest, AnInterruptEndsTheWaitForABrokerAndTheBroker) {
  // It writes its process id to a FIFO, and holds it open for ever, as the descriptor of readiness.
  files_.broker = files_.home + "/broker.sh";
  const std::string fifo = files_.home + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ASSERT_THAT(
      WriteFileAtomically(files_.broker,
                          "#!/bin/sh\nexec 4>" + fifo + "\necho $$ >&4\nexec sleep 1000\n", 0755),
      IsOk());
  const UniqueFd interrupt(::eventfd(0, EFD_CLOEXEC));
  std::string said(16, '\0');
  size_t after = 1;
  std::thread signal([&] {
    const UniqueFd read(::open(fifo.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t got = ::read(read.get(), said.data(), said.size());
    EXPECT_GT(got, 1);
    ::eventfd_write(interrupt.get(), 1);
    after = *ReadUpTo(read.get(), said.data(), 1);  // waits for its end
  });
  EXPECT_THAT(ConnectToHost(files_, interrupt.get()), StatusIs(absl::StatusCode::kCancelled, _));
  signal.join();
  EXPECT_EQ(after, 0u);
}

}  // namespace
}  // namespace voidbox
