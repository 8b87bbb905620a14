#include "sandbox/emulated_host/hostd_system.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/ioctl.h"
#include "base/list_directory.h"
#include "base/log.h"
#include "base/loopback.h"
#include "base/status_macros.h"
#include "sandbox/emulated_host/machine_file.h"

namespace voidbox {
namespace {

constexpr char kNewRoot[] = "/newroot";
// Joining a cgroup, as KVM's worker thread does in KVM_CREATE_VM, waits for no grace period. It is
// the hierarchy's: each mount without it would take it back (Linux 6.1, cgroup_get_tree).
constexpr char kCgroupOptions[] = "favordynmods";

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? ErrnoStatus(path, error.value()) : absl::OkStatus();
}

absl::Status Mount(const std::string& source, const std::string& target, const char* type,
                   unsigned long flags = 0, const std::string& options = "") {
  RETURN_IF_ERROR(MakeDirectories(target));
  if (::mount(source.c_str(), target.c_str(), type, flags, options.c_str()) != 0) {
    return ErrnoStatus(absl::StrCat("mount ", source, " on ", target));
  }
  return absl::OkStatus();
}

absl::Status LoadModule(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  if (::syscall(SYS_finit_module, fd.get(), "", 0) != 0 && errno != EEXIST) {
    return ErrnoStatus(absl::StrCat("finit_module ", path));
  }
  return absl::OkStatus();
}

absl::Status WriteControl(const std::string& path, absl::string_view value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  return WriteAll(fd.get(), value);
}

absl::Status AddEntropy(const std::string& bytes) {
  const UniqueFd fd(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
  if (!fd) return ErrnoStatus("/dev/urandom");
  // struct rand_pool_info: entropy in bits, size in bytes, then the bytes; random(4).
  std::vector<int> pool(2 + (bytes.size() + sizeof(int) - 1) / sizeof(int));
  pool[0] = static_cast<int>(bytes.size() * 8);
  pool[1] = static_cast<int>(bytes.size());
  bytes.copy(static_cast<char*>(static_cast<void*>(&pool[2])), bytes.size());
  RETURN_IF_ERROR(Ioctl(fd.get(), RNDADDENTROPY, "RNDADDENTROPY", pool.data()).status());
  return Ioctl(fd.get(), RNDRESEEDCRNG, "RNDRESEEDCRNG", 0).status();
}

// The outer machine's root, read-only, under a layer in memory that takes all writes.
absl::Status MountRoot() {
  // The outer machine's files change seldom while a command runs, and are read often: they are
  // cached without limit, and forgotten as each command starts.
  RETURN_IF_ERROR(Mount("hostroot", "/host", "9p", MS_RDONLY,
                        "trans=virtio,version=9p2000.L,cache=loose,msize=524288"));
  RETURN_IF_ERROR(Mount("tmpfs", "/overlay", "tmpfs"));
  RETURN_IF_ERROR(MakeDirectories("/overlay/upper"));
  RETURN_IF_ERROR(MakeDirectories("/overlay/work"));
  return Mount("overlay", kNewRoot, "overlay", 0,
               "lowerdir=/host,upperdir=/overlay/upper,workdir=/overlay/work");
}

absl::Status MountSystem() {
  const std::string root = kNewRoot;
  RETURN_IF_ERROR(Mount("proc", root + "/proc", "proc"));
  RETURN_IF_ERROR(Mount("sysfs", root + "/sys", "sysfs"));
  RETURN_IF_ERROR(Mount("cgroup2", root + "/sys/fs/cgroup", "cgroup2", 0, kCgroupOptions));
  RETURN_IF_ERROR(Mount("devtmpfs", root + "/dev", "devtmpfs"));
  RETURN_IF_ERROR(Mount("devpts", root + "/dev/pts", "devpts", 0, "ptmxmode=0666,mode=0620"));
  return Mount("tmpfs", root + "/dev/shm", "tmpfs", 0, "mode=1777");
}

absl::Status MountHome(const std::string& home) {
  const std::string target = absl::StrCat(kNewRoot, home);
  // Uncached, so that either side sees what the other writes at once.
  RETURN_IF_ERROR(Mount("voidboxhome", target, "9p", 0,
                        "trans=virtio,version=9p2000.L,cache=mmap,msize=524288"));
  // Sandboxes that run here are this machine's own, and unix sockets do not work over 9p.
  return Mount("tmpfs", target + "/sandboxes", "tmpfs", 0, "mode=0700");
}

// The outer machine's root once more, writable, for disks. Out of the way of what runs inside by
// mistake: it is all that the user of the outer machine may write to.
absl::Status MountMachine() {
  const std::string directory = absl::StrCat(kNewRoot, kMachineDirectory);
  RETURN_IF_ERROR(MakeDirectories(directory));
  if (::chmod(directory.c_str(), 0700) != 0) return ErrnoStatus(directory);
  // Uncached: what a guest has written is in the file when its run ends.
  return Mount("machine", absl::StrCat(kNewRoot, kMachineRoot), "9p", MS_NOSUID | MS_NODEV,
               "trans=virtio,version=9p2000.L,cache=mmap,msize=524288");
}

absl::Status SwitchRoot() {
  if (::chdir(kNewRoot) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0) {
    return ErrnoStatus("switch to the new root");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareMachine() {
  RETURN_IF_ERROR(Mount("devtmpfs", "/dev", "devtmpfs"));
  RETURN_IF_ERROR(Mount("proc", "/proc", "proc"));
  RETURN_IF_ERROR(Mount("sysfs", "/sys", "sysfs"));
  RETURN_IF_ERROR(Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, kCgroupOptions));
  ASSIGN_OR_RETURN(const std::string order, ReadFile("/modules/order"));
  for (const absl::string_view module : absl::StrSplit(order, '\n', absl::SkipEmpty())) {
    RETURN_IF_ERROR(LoadModule(absl::StrCat("/modules/", module)));
  }
  // Guests get more memory than this machine has, and touch little of it.
  RETURN_IF_ERROR(WriteControl("/proc/sys/vm/overcommit_memory", "1"));
  return BringUpLoopback();
}

absl::StatusOr<UniqueFd> OpenBrokerPort() {
  const std::string ports = "/sys/class/virtio-ports";
  ASSIGN_OR_RETURN(const std::vector<std::string> entries, ListDirectory(ports));
  for (const std::string& entry : entries) {
    const auto name = ReadFile(absl::StrCat(ports, "/", entry, "/name"));
    if (!name.ok() || *name != "voidbox\n") continue;
    const std::string path = absl::StrCat("/dev/", entry);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return ErrnoStatus(path);
    return fd;
  }
  return absl::NotFoundError("no virtio-serial port named voidbox");
}

absl::Status SetUp(const host::HostSetup& setup) {
  if (setup.home().empty() || setup.home()[0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("home '", setup.home(), "' is not absolute"));
  }
  const timespec now = {.tv_sec = static_cast<time_t>(setup.realtime_ns() / 1'000'000'000),
                        .tv_nsec = static_cast<long>(setup.realtime_ns() % 1'000'000'000)};
  if (::clock_settime(CLOCK_REALTIME, &now) != 0) return ErrnoStatus("clock_settime");
  RETURN_IF_ERROR(AddEntropy(setup.entropy()));
  RETURN_IF_ERROR(MountRoot());
  RETURN_IF_ERROR(MountSystem());
  RETURN_IF_ERROR(MountHome(setup.home()));
  RETURN_IF_ERROR(MountMachine());
  return SwitchRoot();
}

void ForgetCachedFiles() {
  // 2: unused names and inodes, and with the inodes their pages. Twice: the overlay's names hold
  // those of the layer below.
  for (int round = 0; round < 2; ++round) {
    const absl::Status status = WriteControl("/proc/sys/vm/drop_caches", "2");
    if (!status.ok()) LogWarning("cannot forget cached files: ", status.message());
  }
}

void PowerOff() {
  ::reboot(RB_POWER_OFF);
  for (;;) ::pause();
}

}  // namespace voidbox
