#include "agent/files/testing_workspace.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/files/file_worker.h"
#include "base/frame.h"

namespace voidbox {

TestingWorkspace::TestingWorkspace() : client_([this] { return Connect(); }) {
  ::signal(SIGPIPE, SIG_IGN);
}

TestingWorkspace::~TestingWorkspace() { AwaitCalls(); }

void TestingWorkspace::AwaitCalls() {
  for (std::thread& call : calls_) call.join();
  calls_.clear();
}

UniqueFd TestingWorkspace::Connect() {
  int pair[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  calls_.emplace_back([this, fd = pair[0]] {
    const UniqueFd stream(fd);
    agent::Request request;
    if (!ReadFrame(stream.get(), request).ok()) return;
    static_cast<void>(ServeFileCall(root(), request, stream.get()));
  });
  return UniqueFd(pair[1]);
}

}  // namespace voidbox
