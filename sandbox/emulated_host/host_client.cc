#include "sandbox/emulated_host/host_client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/interruptible.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/child_process.h"
#include "sandbox/home.h"
#include "sandbox/output_tail.h"

namespace voidbox {
namespace {

constexpr char kSocketName[] = "host.sock";
constexpr char kStartLockName[] = "start.lock";
constexpr char kLogName[] = "broker.log";
constexpr int kReadyFd = 3;
// A broker may end between our connecting to it and its taking our request.
constexpr int kMaxAttempts = 5;
constexpr size_t kLogLinesInErrors = 20;
// Beyond what the broker lets the slowest start take.
constexpr absl::Duration kHostStartLimit = absl::Minutes(7);

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(path);
  return directory;
}

bool NobodyServes(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

// The process that listens at the other end of `socket`; 0 when it is not known.
pid_t BrokerPid(int socket) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return peer.pid;
}

absl::Status StartBroker(const HostFiles& files, int directory, int interrupt) {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  const UniqueFd ready_read(ready[0]);
  UniqueFd ready_write(ready[1]);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  UniqueFd log(::openat(directory, kLogName, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log) return ErrnoStatus(kLogName);
  SpawnOptions spawn;
  spawn.argv = {files.broker,
                "--home",
                files.home,
                "--kernel",
                files.kernel,
                "--initramfs",
                files.initramfs,
                "--key",
                files.key,
                "--cache",
                files.cache,
                "--idle-seconds",
                absl::StrCat(files.idle_seconds),
                "--ready-fd",
                absl::StrCat(kReadyFd)};
  spawn.descriptors = {
      {null.get(), 0}, {log.get(), 1}, {log.get(), 2}, {ready_write.get(), kReadyFd}};
  spawn.new_session = true;
  spawn.directory = "/";  // it outlives us, and holds nobody's directory
  ASSIGN_OR_RETURN(ChildProcess broker, ChildProcess::Spawn(spawn));
  ready_write.Reset();
  RETURN_IF_ERROR(WaitReadable(ready_read.get(), interrupt));
  // A byte when it serves, and then it lives on without us; the end alone when it could not start.
  char byte;
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(ready_read.get(), &byte, 1));
  if (got == 1) {
    broker.Release();
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(broker.Wait().status());  // all that it had to say is in its log then
  OutputTail tail;
  const auto text = ReadFile(absl::StrCat("/proc/self/fd/", log.get()));
  if (text.ok()) tail.Append(*text);
  return absl::UnavailableError(absl::StrCat("the emulated KVM host's broker could not start:\n",
                                             tail.LastLines(kLogLinesInErrors)));
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectToRunningHost(const std::string& home) {
  auto directory = OpenDirectory(absl::StrCat(home, "/host"));
  RETURN_IF_ERROR(directory.status());
  auto socket = ConnectUnix(directory->get(), kSocketName);
  if (!socket.ok() && NobodyServes(socket.status())) {
    return absl::NotFoundError("no emulated KVM host is running");
  }
  return socket;
}

absl::StatusOr<UniqueFd> ConnectToHost(const HostFiles& files, int interrupt) {
  const std::string path = absl::StrCat(files.home, "/host");
  RETURN_IF_ERROR(CreatePrivateDirectory(path));
  ASSIGN_OR_RETURN(const UniqueFd directory, OpenDirectory(path));
  auto first = ConnectUnix(directory.get(), kSocketName);
  if (first.ok() || !NobodyServes(first.status())) return first;

  const UniqueFd lock(
      ::openat(directory.get(), kStartLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return ErrnoStatus(kStartLockName);
  RETURN_IF_ERROR(LockExclusively(lock.get(), interrupt));
  // Another command may have started one while we waited.
  auto second = ConnectUnix(directory.get(), kSocketName);
  if (second.ok() || !NobodyServes(second.status())) return second;
  RETURN_IF_ERROR(StartBroker(files, directory.get(), interrupt));
  return ConnectUnix(directory.get(), kSocketName);
}

absl::StatusOr<std::optional<host::Status>> GetHostStatus(const std::string& home,
                                                          absl::Duration limit) {
  auto socket = ConnectToRunningHost(home);
  if (absl::IsNotFound(socket.status())) return std::nullopt;
  RETURN_IF_ERROR(socket.status());
  if (::fcntl(socket->get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  host::HostRequest request;
  request.mutable_status();
  RETURN_IF_ERROR(WriteFrame(socket->get(), request));
  if (absl::IsDeadlineExceeded(WaitReadable(socket->get(), -1, limit))) {
    return absl::DeadlineExceededError(
        absl::StrCat("the emulated KVM host's broker (process ", BrokerPid(socket->get()),
                     ") has not answered for ", absl::FormatDuration(limit)));
  }
  host::HostReply reply;
  const absl::Status read = ReadFrame(socket->get(), reply);  // the broker writes whole frames
  if (absl::IsOutOfRange(read)) return std::nullopt;          // it has just ended
  RETURN_IF_ERROR(read);
  if (!reply.has_status()) return absl::InternalError(reply.error());
  return reply.status();
}

absl::StatusOr<UniqueFd> AskHostd(const std::string& home, const host::HostdRequest& request) {
  ASSIGN_OR_RETURN(UniqueFd socket, ConnectToRunningHost(home));
  if (::fcntl(socket.get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  host::HostRequest wrapped;
  *wrapped.mutable_hostd() = request;
  RETURN_IF_ERROR(WriteFrame(socket.get(), wrapped));
  for (;;) {
    host::HostReply reply;
    RETURN_IF_ERROR(WaitReadable(socket.get(), -1, kHostStartLimit));
    const absl::Status read = ReadFrame(socket.get(), reply);  // the broker writes whole frames
    if (absl::IsOutOfRange(read)) return absl::NotFoundError("the emulated KVM host has ended");
    RETURN_IF_ERROR(read);
    if (!reply.error().empty()) return absl::NotFoundError(reply.error());
    if (!reply.has_opened()) continue;
    if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl(F_SETFL)");
    return socket;
  }
}

absl::StatusOr<bool> StopHost(const std::string& home, absl::Duration limit) {
  auto socket = ConnectToRunningHost(home);
  if (absl::IsNotFound(socket.status())) return false;
  RETURN_IF_ERROR(socket.status());
  if (::fcntl(socket->get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  host::HostRequest request;
  request.mutable_stop();
  RETURN_IF_ERROR(WriteFrame(socket->get(), request));
  // The connection ends after QEMU has; whatever is said before does not matter.
  char bytes[256];
  for (;;) {
    if (absl::IsDeadlineExceeded(WaitReadable(socket->get(), -1, limit))) {
      const pid_t broker = BrokerPid(socket->get());
      // QEMU ends with it.
      if (broker <= 0 || ::kill(broker, SIGKILL) != 0) return ErrnoStatus("kill of the broker");
      limit = absl::InfiniteDuration();
    }
    const ssize_t got = ::read(socket->get(), bytes, sizeof(bytes));
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
    if (got < 0 && errno != EINTR) return ErrnoStatus("read of the broker's reply");
  }
}

absl::StatusOr<std::unique_ptr<HostCallOpener>> HostCallOpener::Start(EventLoop& loop,
                                                                      HostFiles files,
                                                                      Handlers handlers,
                                                                      int interrupt) {
  std::unique_ptr<HostCallOpener> opener(
      new HostCallOpener(loop, std::move(files), std::move(handlers), interrupt));
  RETURN_IF_ERROR(opener->Connect());
  return opener;
}

absl::Status HostCallOpener::Connect() {
  ++attempts_;
  watch_.Reset();
  ASSIGN_OR_RETURN(socket_, ConnectToHost(files_, interrupt_));
  host::HostRequest request;
  request.mutable_open();
  const absl::Status written = WriteFrame(socket_.get(), request);
  static_cast<void>(written);  // a broker that has just ended is noticed when it does not answer
  ASSIGN_OR_RETURN(watch_, loop_.Add(socket_.get(), EPOLLIN, [this](uint32_t) { OnReadable(); }));
  return absl::OkStatus();
}

// Frames are read one by one and byte-exactly: what follows `opened` belongs to the call.
void HostCallOpener::OnReadable() {
  host::HostReply reply;
  if (::fcntl(socket_.get(), F_SETFL, 0) != 0) return Finish(ErrnoStatus("fcntl(F_SETFL)"));
  const absl::Status read = ReadFrame(socket_.get(), reply);  // the broker writes whole frames
  if (::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Finish(ErrnoStatus("fcntl(F_SETFL)"));
  }
  if (!read.ok()) {
    if (attempts_ >= kMaxAttempts) return Finish(read);
    const absl::Status connected = Connect();
    if (!connected.ok()) Finish(connected);
    return;
  }
  if (reply.has_opened()) {
    watch_.Reset();
    return Finish(std::move(socket_));
  }
  if (!reply.error().empty()) return Finish(absl::UnavailableError(reply.error()));
  if (!reply.progress().empty() && handlers_.progress) handlers_.progress(reply.progress());
}

void HostCallOpener::Finish(absl::StatusOr<UniqueFd> result) {
  watch_.Reset();
  const auto opened = handlers_.opened;  // it may destroy us
  opened(std::move(result));
}

}  // namespace voidbox
