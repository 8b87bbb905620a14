#include "agent/system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/hosts_file.h"
#include "agent/root_file_system.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "devices/boot_mark.h"

namespace voidbox {
namespace {

constexpr char kLogName[] = "guest-agent";
// For processes that are killed to be gone. One that hangs in the kernel is not worth more.
constexpr timespec kKillPatience = {.tv_sec = 2, .tv_nsec = 0};

// Kills every other process and waits until they have closed their files.
void KillAll() {
  sigset_t child_ended;
  ::sigemptyset(&child_ended);
  ::sigaddset(&child_ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  ::kill(-1, SIGKILL);
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid < 0) return;
    if (pid == 0 && ::sigtimedwait(&child_ended, nullptr, &kKillPatience) < 0) {
      return LogWarning("processes are left though they were killed");
    }
  }
}

}  // namespace

absl::Status AllowPing() {
  constexpr char kRange[] = "/proc/sys/net/ipv4/ping_group_range";
  const UniqueFd file(::open(kRange, O_WRONLY | O_CLOEXEC));
  if (!file) return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(kRange);
  return WriteAll(file.get(), "0 2147483647");
}

absl::Status NameHosts() {
  utsname system;
  if (::uname(&system) != 0) return ErrnoStatus("uname");
  return CompleteHosts("/etc/hosts", system.nodename);
}

absl::Status SetDefaultHostName(absl::string_view name) {
  utsname system;
  // "(none)" is CONFIG_DEFAULT_HOSTNAME's default.
  if (::uname(&system) == 0 && absl::string_view(system.nodename) != "(none)" &&
      system.nodename[0] != '\0') {
    return absl::OkStatus();
  }
  if (::sethostname(name.data(), name.size()) != 0) return ErrnoStatus("sethostname");
  return absl::OkStatus();
}

absl::Status DetachFromConsole() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return ErrnoStatus("/dev/null");
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fd != null && ::dup2(null, fd) < 0) return ErrnoStatus("dup2");
  }
  if (null > STDERR_FILENO) UniqueFd(null).Reset();
  const int kernel_log = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (kernel_log < 0) return ErrnoStatus("/dev/kmsg");
  SetLogTarget(kernel_log, kLogName);
  return absl::OkStatus();
}

void LogToConsole(absl::string_view message) {
  const UniqueFd kernel_log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  // KERN_EMERG, which every loglevel shows.
  const std::string line = absl::StrCat("<0>", kLogName, ": ", message, "\n");
  [[maybe_unused]] const ssize_t written = ::write(kernel_log.get(), line.data(), line.size());
}

void WriteBootMark(unsigned char value) {
#if defined(__x86_64__)
  if (::ioperm(kBootMarkPort, 1, 1) != 0) return;
  ::outb(value, kBootMarkPort);
  // A process that may touch ports pays for it at every switch.
  ::ioperm(kBootMarkPort, 1, 0);
#endif
}

absl::Status EndMachine() {
  KillAll();
  ::sync();
  if (const absl::Status status = MakeRootReadOnly(); !status.ok()) LogWarning(status.message());
  ::reboot(RB_AUTOBOOT);
  return ErrnoStatus("reboot");
}

}  // namespace voidbox
