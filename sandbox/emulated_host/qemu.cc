#include "sandbox/emulated_host/qemu.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

// As QEMU sees them.
constexpr int kPortFd = 3;
constexpr int kMonitorFd = 4;
constexpr int kStateFd = 5;

// A comma in an option's value is written twice.
std::string Escaped(const std::string& value) { return absl::StrReplaceAll(value, {{",", ",,"}}); }

// What tells one version of a file from another, without reading it.
absl::StatusOr<std::string> VersionOf(const std::string& path) {
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) return ErrnoStatus(path);
  return absl::StrCat(path, " ", file.st_size, " ", file.st_mtim.tv_sec, ".", file.st_mtim.tv_nsec);
}

void Append(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

}  // namespace

std::vector<std::string> QemuArguments(const EmulatedMachine& machine) {
  std::vector<std::string> arguments;
  Append(arguments, {"-machine", "q35,vmport=off,hpet=off", "-cpu", "EPYC"});
  Append(arguments, {"-accel", "tcg,thread=single,tb-size=1024", "-smp", "1"});
  if (machine.clock == EmulatedMachine::Clock::kCounted) {
    Append(arguments, {"-icount", "shift=1,sleep=off"});
  }
  Append(arguments, {"-m", absl::StrCat(machine.memory_mib)});
  Append(arguments, {"-nodefaults", "-no-user-config", "-nographic", "-no-reboot"});
  // The periodic tick delivers what is left of an interrupt that QEMU lost; docs/architecture.md.
  Append(arguments, {"-kernel", machine.kernel, "-initrd", machine.initramfs, "-append",
                     "console=ttyS0 quiet panic=-1 mitigations=off nohz=off highres=off"});
  Append(arguments, {"-serial", "stdio"});
  Append(arguments, {"-chardev", absl::StrCat("socket,id=port,fd=", kPortFd)});
  Append(arguments, {"-device", "virtio-serial-pci,max_ports=2", "-device",
                     "virtserialport,chardev=port,name=voidbox"});
  Append(arguments, {"-chardev", absl::StrCat("socket,id=monitor,fd=", kMonitorFd), "-mon",
                     "chardev=monitor,mode=control"});
  Append(arguments, {"-virtfs",
                     "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,"
                     "multidevs=remap"});
  // For the disks that guests write to.
  Append(arguments,
         {"-virtfs", "local,path=/,mount_tag=machine,security_model=none,multidevs=remap"});
  Append(arguments, {"-virtfs", absl::StrCat("local,path=", Escaped(machine.home),
                                             ",mount_tag=voidboxhome,security_model=none,"
                                             "multidevs=remap")});
  return arguments;
}

absl::StatusOr<std::string> StateKey(const EmulatedMachine& machine,
                                     const std::string& image_digest) {
  // A new version of QEMU is a new file; asking it for its version would take 30 ms.
  ASSIGN_OR_RETURN(std::string key, VersionOf(machine.qemu));
  for (const std::string& file : machine.firmware) {
    // Where QEMU finds it elsewhere, it is as good as its package's version of QEMU.
    absl::StrAppend(&key, "\nfirmware ", VersionOf(file).value_or(absl::StrCat(file, " absent")));
  }
  EmulatedMachine canonical = machine;
  canonical.home = canonical.kernel = canonical.initramfs = "";  // only their contents matter
  return absl::StrCat("qemu ", key, "\nimage ", image_digest, "\narguments ",
                      absl::StrJoin(QemuArguments(canonical), " "), "\n");
}

absl::StatusOr<RunningQemu> StartQemu(const EmulatedMachine& machine, UniqueFd state) {
  RunningQemu running;
  ASSIGN_OR_RETURN(auto port, UnixSocketPair());
  ASSIGN_OR_RETURN(auto monitor, UnixSocketPair());
  int console[2];
  if (::pipe2(console, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  running.console.Reset(console[0]);
  const UniqueFd console_write(console[1]);
  if (::fcntl(running.console.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl");
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  running.port = std::move(port.first);
  running.monitor = std::move(monitor.first);

  SpawnOptions spawn;
  spawn.argv = QemuArguments(machine);
  spawn.argv.insert(spawn.argv.begin(), machine.qemu);
  spawn.descriptors = {{null.get(), 0},
                       {console_write.get(), 1},
                       {console_write.get(), 2},
                       {port.second.get(), kPortFd},
                       {monitor.second.get(), kMonitorFd}};
  if (state) {
    Append(spawn.argv, {"-incoming", absl::StrCat("fd:", kStateFd)});
    spawn.descriptors.push_back({state.get(), kStateFd});
  }
  spawn.die_with_parent = true;
  ASSIGN_OR_RETURN(running.process, ChildProcess::Spawn(spawn));
  return running;
}

}  // namespace voidbox
