// voidbox-vmm: one virtual machine. See vmm.proto for what it is told and tells.
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "base/frame.h"
#include "base/log.h"
#include "vmm/kvm.h"
#include "vmm/vmm_process.h"

namespace voidbox {
namespace {

constexpr size_t kThreadStackBytes = 256 << 10;
constexpr int kMappedBytes = 64 << 10;

constexpr char kUsage[] =
    "usage: voidbox-vmm --config-fd N [--event-fd N]\n"
    "Runs one virtual machine. It is started by voidbox with a VmConfig frame on descriptor N and "
    "reports\n"
    "VmEvent frames on the other (see vmm/vmm.proto). Nothing in here is for people: use `voidbox "
    "run`.\n";

// The descriptor of "--name N"; -1 when it is not given or not a number.
int DescriptorFlag(int argc, char** argv, absl::string_view name) {
  int fd = -1;
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name && !absl::SimpleAtoi(argv[i + 1], &fd)) return -1;
  }
  return fd;
}

// Small stacks for every thread: the default's 8 MiB hold aligned huge pages, of which the first
// touch would zero one, and cost 2 MiB each. One malloc arena, since there is little to contend
// for. Buffers of a transfer are mapped, so that they are gone when it is over; without a fixed
// threshold, the first one that is freed would make malloc keep the next ones.
void LimitMemory() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytes);
}

int Main(int argc, char** argv) {
  LimitMemory();
  SetLogTarget(STDERR_FILENO, "voidbox-vmm");
  const int config_fd = DescriptorFlag(argc, argv, "--config-fd");
  if (config_fd < 0) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kUsage, sizeof(kUsage) - 1);
    return 2;
  }
  vmm::VmConfig config;
  if (absl::Status status = ReadFrame(config_fd, config); !status.ok()) {
    LogError("configuration: ", status.message());
    return 2;
  }
  ::close(config_fd);
  return RunVmm(config, EventSink(DescriptorFlag(argc, argv, "--event-fd")), Kvm::Open);
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) { return voidbox::Main(argc, argv); }
