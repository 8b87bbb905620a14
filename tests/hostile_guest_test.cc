// The VMM beside a guest that writes garbage to all its devices (payloads/garbage.cc): it answers,
// stays small and ends when it is told to, and what is read-only stays as it is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "sandbox/child_process.h"
#include "vmm/vmm.pb.h"

namespace voidbox {
namespace {

#ifdef VOIDBOX_VMM_UNDER_ASAN
constexpr char kVmm[] = "vmm/voidbox-vmm-asan";
constexpr vmm::Seccomp kSeccomp = vmm::SECCOMP_OFF;
constexpr uint64_t kMemoryBesideGuestBytes = 512 << 20;  // freed memory is kept for a while
constexpr uint64_t kEnoughExits = 15'000;                // each costs several times as much
#else
constexpr char kVmm[] = "vmm/voidbox-vmm";
constexpr vmm::Seccomp kSeccomp = vmm::SECCOMP_ENFORCE;
constexpr uint64_t kMemoryBesideGuestBytes = 32 << 20;
constexpr uint64_t kEnoughExits = 50'000;
#endif
constexpr char kPayload[] = "tests/payloads/garbage.elf";
constexpr char kPvhPayload[] = "tests/payloads/pvh.elf";
constexpr uint64_t kMemoryBytes = 64 << 20;
constexpr int kAnswerLimitSeconds = 120;
constexpr std::chrono::seconds kRaveLimit(300);
constexpr int kConfigFd = 3, kEventFd = 4;

class HostileGuestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = absl::StrCat(::testing::TempDir(), "/hostile-XXXXXX");
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    directory_fd_.Reset(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    config_.set_kernel_path(std::filesystem::absolute(kPayload));
    config_.set_vcpu_count(2);
    config_.set_memory_bytes(kMemoryBytes);
    config_.set_directory(directory_);
    config_.set_seccomp(kSeccomp);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Starts it, and waits until its guest runs.
  void StartVmm() {
    ASSERT_NO_FATAL_FAILURE(LaunchVmm());
    vmm::VmEvent event;
    ASSERT_THAT(ReadFrame(events_.get(), event), IsOk());
    ASSERT_TRUE(event.has_started()) << event.stopped().message();
    auto control = ConnectUnix(directory_fd_.get(), "control.sock");
    ASSERT_THAT(control, IsOk());
    control_ = *std::move(control);
    ASSERT_EQ(::fcntl(control_.get(), F_SETFL, 0), 0);  // blocking, with a limit
    const timeval limit = {.tv_sec = kAnswerLimitSeconds, .tv_usec = 0};
    ASSERT_EQ(::setsockopt(control_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
  }

  void LaunchVmm() {
    int config_ends[2], event_ends[2];
    ASSERT_EQ(::pipe2(config_ends, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(event_ends, O_CLOEXEC), 0);
    const UniqueFd config_read(config_ends[0]), event_write(event_ends[1]);
    UniqueFd config_write(config_ends[1]);
    events_.Reset(event_ends[0]);
    auto child = ChildProcess::Spawn(
        {.argv = {kVmm, "--config-fd", absl::StrCat(kConfigFd), "--event-fd",
                  absl::StrCat(kEventFd)},
         .environment = std::nullopt,
         .descriptors = {{config_read.get(), kConfigFd}, {event_write.get(), kEventFd}}});
    ASSERT_THAT(child, IsOk());
    vmm_ = *std::move(child);
    ASSERT_THAT(WriteFrame(config_write.get(), config_), IsOk());
  }

  vmm::ControlReply Ask(const vmm::ControlRequest& request) {
    vmm::ControlReply reply;
    EXPECT_THAT(WriteFrame(control_.get(), request), IsOk());
    EXPECT_THAT(ReadFrame(control_.get(), reply), IsOk()) << request.ShortDebugString();
    EXPECT_EQ(reply.error(), "");
    return reply;
  }

  vmm::ControlReply::State Status() {
    vmm::ControlRequest request;
    request.mutable_status();
    return Ask(request).state();
  }

  uint64_t Exits() {
    vmm::ControlRequest request;
    request.mutable_metrics();
    return Ask(request).metrics().vcpu_exits();
  }

  // Each answer on the way shows that the VMM has time for us.
  void LetItRaveFor(uint64_t exits) {
    const auto deadline = std::chrono::steady_clock::now() + kRaveLimit;
    const uint64_t goal = Exits() + exits;
    for (uint64_t done = 0; done < goal; done = Exits()) {
      ASSERT_FALSE(HasFailure());
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "stuck after " << done << " exits";
    }
  }

  uint64_t ResidentBytes() {
    const auto status = ReadFile(absl::StrCat("/proc/", vmm_.pid(), "/status"));
    if (!status.ok()) return UINT64_MAX;
    for (absl::string_view line : absl::StrSplit(*status, '\n')) {
      uint64_t kib;
      if (absl::ConsumePrefix(&line, "VmRSS:") && absl::ConsumeSuffix(&line, "kB") &&
          absl::SimpleAtoi(line, &kib)) {
        return kib << 10;
      }
    }
    return UINT64_MAX;
  }

  void StopVmm() {
    vmm::ControlRequest request;
    request.mutable_stop();
    Ask(request);
    const auto status = vmm_.Wait();
    ASSERT_THAT(status, IsOk());
    EXPECT_EQ(DescribeWaitStatus(*status), "exit status 0");
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      EXPECT_TRUE(entry.is_socket()) << entry.path();
    }
    if (!events_) return;
    vmm::VmEvent last;
    for (vmm::VmEvent event; ReadFrame(events_.get(), event).ok();) last = event;
    EXPECT_EQ(last.stopped().reason(), vmm::Stopped::REQUESTED) << last.stopped().message();
  }

  std::string directory_;
  UniqueFd directory_fd_;
  vmm::VmConfig config_;
  ChildProcess vmm_;
  UniqueFd events_;  // nobody reads them while the guest runs
  UniqueFd control_;
};

TEST_F(HostileGuestTest, TheVmmAnswersPausesAndEndsBesideGarbageFromTwoVcpus) {
  ASSERT_NO_FATAL_FAILURE(StartVmm());
  ASSERT_NO_FATAL_FAILURE(LetItRaveFor(kEnoughExits));
  EXPECT_EQ(Status(), vmm::ControlReply::RUNNING);

  vmm::ControlRequest pause, resume;
  pause.mutable_pause();
  resume.mutable_resume();
  EXPECT_EQ(Ask(pause).state(), vmm::ControlReply::PAUSED);
  const uint64_t exits = Exits();
  EXPECT_EQ(Status(), vmm::ControlReply::PAUSED);
  EXPECT_EQ(Exits(), exits);
  EXPECT_EQ(Ask(resume).state(), vmm::ControlReply::RUNNING);
  ASSERT_NO_FATAL_FAILURE(LetItRaveFor(1000));

  RecordProperty("resident_bytes", absl::StrCat(ResidentBytes()));
  EXPECT_LE(ResidentBytes(), kMemoryBytes + kMemoryBesideGuestBytes);
  ASSERT_NO_FATAL_FAILURE(StopVmm());
}

TEST_F(HostileGuestTest, AReadOnlyDiskStaysAsItIsAndNobodyNeedsToHearTheEvents) {
  const std::string contents(1 << 20, '\xa5');
  const std::string path = absl::StrCat(::testing::TempDir(), "/disk.img");
  ASSERT_THAT(WriteFileAtomically(path, contents), IsOk());
  vmm::Disk& disk = *config_.add_disks();
  disk.set_path(path);
  disk.set_read_only(true);
  ASSERT_NO_FATAL_FAILURE(StartVmm());
  events_.Reset();
  ASSERT_NO_FATAL_FAILURE(LetItRaveFor(kEnoughExits));
  EXPECT_EQ(Status(), vmm::ControlReply::RUNNING);
  RecordProperty("resident_bytes", absl::StrCat(ResidentBytes()));
  EXPECT_LE(ResidentBytes(), kMemoryBytes + kMemoryBesideGuestBytes);
  ASSERT_NO_FATAL_FAILURE(StopVmm());
  const auto after = ReadFile(path);
  ASSERT_THAT(after, IsOk());
  EXPECT_TRUE(*after == contents);
}

TEST_F(HostileGuestTest, PauseAndResumeFollowEachOtherAsOftenAsOneLikes) {
  ASSERT_NO_FATAL_FAILURE(StartVmm());
  vmm::ControlRequest pause, resume;
  pause.mutable_pause();
  resume.mutable_resume();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(Ask(pause).state(), vmm::ControlReply::PAUSED) << i;
    ASSERT_EQ(Ask(resume).state(), vmm::ControlReply::RUNNING) << i;
  }
  // Called off by another client before it was done, or not: in the end the guest runs.
  auto other = ConnectUnix(directory_fd_.get(), "control.sock");
  ASSERT_THAT(other, IsOk());
  ASSERT_EQ(::fcntl(other->get(), F_SETFL, 0), 0);
  for (int i = 0; i < 300; ++i) {
    ASSERT_THAT(WriteFrame(control_.get(), pause), IsOk());
    ASSERT_THAT(WriteFrame(other->get(), resume), IsOk());
    vmm::ControlReply reply;
    ASSERT_THAT(ReadFrame(control_.get(), reply), IsOk());
    ASSERT_THAT(ReadFrame(other->get(), reply), IsOk());
    ASSERT_EQ(Ask(resume).state(), vmm::ControlReply::RUNNING) << i;
  }
  ASSERT_NO_FATAL_FAILURE(LetItRaveFor(1000));
  ASSERT_NO_FATAL_FAILURE(StopVmm());
}

TEST_F(HostileGuestTest, RequestsWhileItEndsHarmNobody) {
  ASSERT_NO_FATAL_FAILURE(StartVmm());
  auto other = ConnectUnix(directory_fd_.get(), "control.sock");
  ASSERT_THAT(other, IsOk());
  ASSERT_EQ(::fcntl(other->get(), F_SETFL, 0), 0);
  // More than it can answer before the stop, which comes by another connection.
  vmm::ControlRequest metrics;
  metrics.mutable_metrics();
  std::string flood;
  for (int i = 0; i < 2000; ++i) ASSERT_THAT(AppendFrame(metrics, flood), IsOk());
  std::thread flooding([&] { static_cast<void>(WriteAll(other->get(), flood)); });
  std::thread reading([&] {
    vmm::ControlReply reply;
    while (ReadFrame(other->get(), reply).ok()) {
    }
  });
  StopVmm();
  flooding.join();
  reading.join();
}

TEST_F(HostileGuestTest, AKernelWithAPvhNoteIsEnteredAsPvhPromises) {
  config_.set_kernel_path(std::filesystem::absolute(kPvhPayload));
  config_.set_kernel_command_line("pvh boot");
  config_.set_vcpu_count(1);
  ASSERT_NO_FATAL_FAILURE(LaunchVmm());
  std::optional<uint32_t> mark;
  vmm::VmEvent event;
  while (ReadFrame(events_.get(), event).ok() && !event.has_stopped()) {
    if (event.has_mark()) mark = event.mark().value();
  }
  EXPECT_EQ(mark, 0x2au) << "the number says which promise was broken, see pvh.cc";
  EXPECT_EQ(event.stopped().reason(), vmm::Stopped::GUEST_RESET) << event.stopped().message();
}

}  // namespace
}  // namespace voidbox
