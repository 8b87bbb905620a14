// A VMM without a machine, for sandbox_test: takes its configuration as voidbox-vmm does and
// behaves as the kernel command line says.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "agent/agent.pb.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/unix_socket.h"
#include "vmm/vmm.pb.h"

namespace voidbox {
namespace {

void SendEvent(int fd, const vmm::VmEvent& event) { static_cast<void>(WriteFrame(fd, event)); }

void SendStopped(int fd, vmm::Stopped::Reason reason, const std::string& message) {
  vmm::VmEvent event;
  event.mutable_stopped()->set_reason(reason);
  event.mutable_stopped()->set_message(message);
  SendEvent(fd, event);
}

int Main(int config_fd, int event_fd) {
  vmm::VmConfig config;
  if (!ReadFrame(config_fd, config).ok()) return 2;
  const std::string behaviour = config.kernel_command_line();
  if (behaviour == "refuse") {
    SendStopped(event_fd, vmm::Stopped::REFUSED, "no such kernel");
    return 1;
  }
  const UniqueFd directory(::open(config.directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd control = *ListenUnix(directory.get(), "control.sock");
  vmm::VmEvent started;
  started.mutable_started();
  SendEvent(event_fd, started);
  static_cast<void>(WriteAll(config.console_output_fd(), "kernel says hello\n"));
  if (behaviour == "crash") {
    SendStopped(event_fd, vmm::Stopped::GUEST_CRASHED, "triple fault");
    return 1;
  }
  if (behaviour == "kill") ::kill(::getpid(), SIGKILL);
  if (behaviour == "garbage") {
    UniqueFd ready = *ConnectUnix(directory.get(), "vsock.sock_1235");
    static_cast<void>(WriteAll(ready.get(), "\xff\xff\xff\xff"));
    ::pause();
  }
  UniqueFd vsock, shutdown_call;
  if (behaviour.find("ready, agent") == 0) vsock = *ListenUnix(directory.get(), "vsock.sock");
  if (behaviour.find("ready") == 0) {
    agent::Ready ready;
    ready.set_version("fake");
    UniqueFd connection = *ConnectUnix(directory.get(), "vsock.sock_1235");
    static_cast<void>(WriteFrame(connection.get(), ready));
  }
  if (vsock) {
    pollfd wait = {.fd = vsock.get(), .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, -1);
    shutdown_call = *AcceptUnix(vsock.get());  // of a deaf agent nothing is ever answered
  }
  if (behaviour == "ready, agent waits") {
    agent::ServerFrame answer;
    answer.mutable_shutdown();
    static_cast<void>(WriteAll(shutdown_call.get(), "OK 1\n"));
    static_cast<void>(WriteFrame(shutdown_call.get(), answer));
    ::shutdown(shutdown_call.get(), SHUT_WR);
    // As the agent: until the host hangs up.
    pollfd wait = {.fd = shutdown_call.get(), .events = 0, .revents = 0};
    ::poll(&wait, 1, -1);
    SendStopped(event_fd, vmm::Stopped::GUEST_RESET, "");
    return 0;
  }
  if (behaviour.find("panic") == 0) {
    static_cast<void>(WriteAll(config.console_output_fd(), "[ 0.1] Kernel pan"));
    static_cast<void>(WriteAll(config.console_output_fd(), "ic - not syncing: VFS\n"));
  }
  if (behaviour == "panic" || behaviour == "power off" || behaviour == "ready, power off") {
    SendStopped(event_fd, vmm::Stopped::GUEST_RESET, "");
    return 0;
  }
  if (behaviour == "chatter") {
    const std::string line(4096, 'x');
    while (WriteAll(config.console_output_fd(), line).ok()) {
    }
  }
  if (behaviour == "ready deaf" || behaviour == "hang") {
    ::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  }
  pollfd waits[2] = {{.fd = control.get(), .events = POLLIN, .revents = 0},
                     {.fd = config.lifeline_fd(), .events = POLLIN, .revents = 0}};
  ::poll(waits, 2, -1);
  if (waits[0].revents != 0) {
    const UniqueFd connection = *AcceptUnix(control.get());
    ::fcntl(connection.get(), F_SETFL, 0);
    vmm::ControlRequest request;
    if (!ReadFrame(connection.get(), request).ok() || !request.has_stop()) return 3;
    SendStopped(event_fd, vmm::Stopped::REQUESTED, "");
  }
  return 0;
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  return argc == 5 ? voidbox::Main(std::atoi(argv[2]), std::atoi(argv[4])) : 2;
}
