#include "sandbox/end_sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"
#include "sandbox/process_identity.h"

namespace voidbox {
namespace {

// A child that ends when it is told to, or when it is forgotten.
struct Ending {
  Ending() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    const UniqueFd read(fds[0]);
    lifeline.Reset(fds[1]);
    child = ChildProcess::Spawn({.argv = {"/bin/cat"}, .descriptors = {{read.get(), 0}}}).value();
  }
  int pid() const { return child.pid(); }

  UniqueFd lifeline;
  ChildProcess child;
};
// A child that has set its traps.
ChildProcess Trapping(const std::string& traps) {
  int ready[2];
  EXPECT_EQ(::pipe(ready), 0);
  ChildProcess child = ChildProcess::Spawn({.argv = {"/bin/sh", "-c",
                                                     traps + "; echo >&3; exec 3>&-; "
                                                             "while :; do sleep 1000 & wait; done"},
                                            .descriptors = {{ready[1], 3}}})
                           .value();
  char byte;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  return child;
}
SandboxRecord RecordOf(pid_t owner, Ending& vmm) {
  const ProcessIdentity vmm_identity = IdentifyProcess(vmm.pid()).value();
  vmm.lifeline.Reset();
  return {.id = "0123456789ab",
          .vmm = vmm_identity,
          .owner = IdentifyProcess(owner).value(),
          .detached = true};
}

TEST(EndSandboxTest, AnOrderlyEndIsTheOwnersToMake) {
  ChildProcess owner = Trapping("trap 'exit 3' TERM");
  Ending vmm;
  const SandboxRecord record = RecordOf(owner.pid(), vmm);
  EXPECT_THAT(EndSandbox(record, /*orderly=*/true, absl::InfiniteDuration()), IsOk());
  EXPECT_EQ(DescribeWaitStatus(owner.Wait().value()), "exit status 3");
}

TEST(EndSandboxTest, AtOnceADetachedOnesOwnerGetsInt) {
  ChildProcess owner = Trapping("trap '' TERM; trap 'exit 4' INT");
  Ending vmm;
  EXPECT_THAT(EndSandbox(RecordOf(owner.pid(), vmm), /*orderly=*/false, absl::ZeroDuration()),
              IsOk());
  EXPECT_EQ(DescribeWaitStatus(owner.Wait().value()), "exit status 4");
}

TEST(EndSandboxTest, AnOwnerThatDoesNotEndInTimeIsKilled) {
  ChildProcess owner = Trapping("trap '' TERM");
  Ending vmm;
  EXPECT_THAT(EndSandbox(RecordOf(owner.pid(), vmm), /*orderly=*/true, absl::Milliseconds(50)),
              IsOk());
  EXPECT_EQ(DescribeWaitStatus(owner.Wait().value()), "signal 9 (Killed)");
}

TEST(EndSandboxTest, WhatHasEndedIsNoError) {
  Ending owner;
  Ending vmm;
  const SandboxRecord record = RecordOf(owner.pid(), vmm);
  owner.lifeline.Reset();
  ASSERT_THAT(owner.child.Wait(), IsOk());
  ASSERT_THAT(vmm.child.Wait(), IsOk());
  EXPECT_THAT(EndSandbox(record, /*orderly=*/true, absl::InfiniteDuration()), IsOk());
}

}  // namespace
}  // namespace voidbox
