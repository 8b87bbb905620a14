// voidbox-host-broker: owns the emulated KVM host of one $VOIDBOX_HOME. Started by the first
// command that needs it, with --ready-fd, which takes a byte and is closed once commands can
// connect to host/host.sock.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/descriptor_limit.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/broker.h"
#include "sandbox/home.h"

namespace voidbox {
namespace {

constexpr char kSocketName[] = "host.sock";
constexpr char kLockName[] = "lock";
// A call's socket each, as many as a Mux carries, and as many again for those that ask.
constexpr uint64_t kDescriptors = 1024;

struct Flags {
  std::string home;
  std::string kernel, initramfs, key;
  std::string cache;
  uint64_t idle_seconds = 600;
  int ready_fd = -1;
};

absl::StatusOr<UniqueFd> LockDirectory(int directory) {
  UniqueFd lock(::openat(directory, kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return ErrnoStatus("lock");
  // Waits for a broker that is on its way out; one that serves would have been asked instead.
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoStatus("flock");
  }
  return lock;
}

absl::Status Run(const Flags& flags) {
  RETURN_IF_ERROR(RaiseDescriptorLimit(kDescriptors).status());
  const std::string path = absl::StrCat(flags.home, "/host");
  RETURN_IF_ERROR(CreatePrivateDirectory(path));
  RETURN_IF_ERROR(CreatePrivateDirectory(flags.cache));
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(path);
  ASSIGN_OR_RETURN(const UniqueFd lock, LockDirectory(directory.get()));
  ::unlinkat(directory.get(), kSocketName, 0);  // of a broker that was killed
  ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(directory.get(), kSocketName));

  ASSIGN_OR_RETURN(std::string digest, ReadFile(flags.key, 4096));
  Broker::Options options;
  options.machine.kernel = flags.kernel;
  options.machine.initramfs = flags.initramfs;
  options.machine.home = flags.home;
  options.cache = flags.cache;
  options.image_digest = std::string(absl::StripSuffix(digest, "\n"));
  options.idle_limit = absl::Seconds(flags.idle_seconds);

  ASSIGN_OR_RETURN(const std::unique_ptr<EventLoop> loop, EventLoop::Create());
  absl::Status end;
  ASSIGN_OR_RETURN(std::unique_ptr<Broker> broker,
                   Broker::Start(*loop, std::move(listener), std::move(options),
                                 [&](const absl::Status& status) {
                                   end = status;
                                   loop->Stop();
                                 }));
  // The command that started us may be gone: then nobody needs to know.
  static_cast<void>(WriteAll(UniqueFd(flags.ready_fd).get(), "r"));
  RETURN_IF_ERROR(loop->Run());
  // Before the connections close: who sees his end may start the next broker.
  ::unlinkat(directory.get(), kSocketName, 0);
  broker.reset();
  return end;
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  voidbox::Flags flags;
  CLI::App app("The owner of an emulated KVM host; voidbox starts it.", "voidbox-host-broker");
  app.add_option("--home", flags.home)->required();
  app.add_option("--kernel", flags.kernel)->required();
  app.add_option("--initramfs", flags.initramfs)->required();
  app.add_option("--key", flags.key)->required();
  app.add_option("--cache", flags.cache)->required();
  app.add_option("--idle-seconds", flags.idle_seconds);
  app.add_option("--ready-fd", flags.ready_fd)->required();
  CLI11_PARSE(app, argc, argv);

  voidbox::SetLogTarget(STDERR_FILENO, "voidbox-host-broker");
  ::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = voidbox::Run(flags);
  if (!status.ok()) voidbox::LogError(status.message());
  return status.ok() ? 0 : 1;
}
