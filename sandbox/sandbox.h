#ifndef VOIDBOX_SANDBOX_SANDBOX_H_
#define VOIDBOX_SANDBOX_SANDBOX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "agent/agent_call.h"
#include "base/acceptor.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"
#include "sandbox/output_tail.h"
#include "sandbox/registry.h"
#include "sandbox/sandbox_record.h"
#include "sandbox/text_watch.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// A micro-VM that this process owns: its VMM is killed, and its directory removed, with this
// object, and the VMM ends by itself when this process dies. Belongs to its loop's thread.
class Sandbox {
 public:
  struct Disk {
    std::string path;
    bool read_only = false;
    // The file is a base that is not written: what is goes to the overlay at this path, which is
    // made when missing; or, if ephemeral, away with the sandbox.
    std::string overlay;
    bool ephemeral = false;
    // Over a base: bytes that the guest sees, 0 for what the overlay or the base has.
    uint64_t virtual_bytes = 0;

    // Whether the guest's last writes are worth an orderly end.
    bool keeps_writes() const { return !read_only && !ephemeral; }
  };
  // Of the image store, for the record of who uses what.
  struct Image {
    std::string name;
    std::string digest;  // of its manifest
    // A descriptor whose lock keeps the image while it is open; the VMM holds it as well, so that
    // it lasts exactly as long. Borrowed until Start returns; -1 for none.
    int lease = -1;
  };
  // For the record alone.
  struct Label {
    std::string name;  // empty, or unique: ALREADY_EXISTS else
    std::map<std::string, std::string> labels;
    std::vector<std::string> command;
    bool detached = false;
  };
  enum class PowerOff {
    kIsAnError,
    kOnceReady,  // before, the guest has failed to become what it was started for
    kAtAnyTime,  // it need not have an agent
  };
  struct Options {
    std::string vmm;  // the program
    Label label;
    Image image;
    std::string kernel;
    std::string initramfs;  // may be empty
    std::string command_line;
    uint32_t vcpu_count = 1;
    uint64_t memory_bytes = 512 << 20;
    // In the guest's order: the first is /dev/vda.
    std::vector<Disk> disks;
    // Borrowed until Start returns: a pipe whose bytes are typed on the guest's console; -1 for
    // none.
    int console_input = -1;
    // When a guest that powers off has done what it was to do, and it is no error.
    PowerOff power_off = PowerOff::kIsAnError;
    // How long the guest may take until its agent serves. An emulated host on a busy machine takes
    // some ten seconds; nobody waits longer for a guest that hangs.
    absl::Duration boot_limit = absl::Minutes(2);
    // How long an orderly stop may take the guest: its agent ends what runs and writes its disks.
    absl::Duration orderly_limit = absl::Seconds(10);
  };
  struct Handlers {
    // Once at most: the agent serves.
    std::function<void(const agent::Ready&)> ready;
    // Once: the VMM has ended. OK when Stop ended it; else the reason with the stage that the guest
    // had reached and the console's last lines. The directory goes with this object.
    std::function<void(const absl::Status&)> ended;
    // What the guest prints on its console, as it comes.
    std::function<void(absl::string_view)> console;
  };

  static absl::StatusOr<std::unique_ptr<Sandbox>> Start(EventLoop& loop, Registry& registry,
                                                        const Options& options, Handlers handlers);

  const std::string& id() const { return directory_.id(); }
  const SandboxRecord& record() const { return record_; }
  pid_t vmm_pid() const { return vmm_.pid(); }
  // A connection to the VMM's vsock.sock, on which CONNECT is to be said.
  absl::StatusOr<UniqueFd> ConnectVsock() const;
  // Ends the guest: asks its agent to power it off if `orderly` and a disk keeps what was written,
  // then asks the VMM, then kills it.
  void Stop(bool orderly);

 private:
  Sandbox(EventLoop& loop, SandboxDirectory directory, const Options& options, Handlers handlers);
  absl::Status Spawn();
  absl::Status Listen();
  absl::Status Watch();
  void OnEvents();
  void OnAgentConnects(UniqueFd connection);
  // Whether nothing more is to come; ready_ says then whether it was what an agent says.
  bool ReadReady(agent::Ready& ready);
  void OnReadyBytes();
  void OnVmmEnded();
  bool AskAgentToEnd();
  void StopVmm();
  void Kill(const absl::Status& reason);
  // Everything that is there to read of a pipe; false at its end.
  bool Drain(int fd, const std::function<void(absl::string_view)>& take);
  void DrainConsole();
  absl::Status WhyEnded(int wait_status) const;
  absl::Status Explained(const absl::Status& status) const;
  std::string WhyPanicked() const;

  EventLoop& loop_;
  const Options options_;
  Handlers handlers_;
  SandboxDirectory directory_;
  SandboxRecord record_;
  ChildProcess vmm_;
  UniqueFd lifeline_;  // the VMM ends when this does
  UniqueFd events_;
  UniqueFd console_;
  UniqueFd log_;
  std::unique_ptr<Acceptor> ready_acceptor_;
  UniqueFd ready_connection_;
  FrameReader event_reader_;
  FrameReader ready_reader_;
  OutputTail console_tail_;
  TextWatch panic_;
  OutputTail log_tail_;
  bool started_ = false;  // the guest entered
  bool init_ = false;     // its init runs
  bool ready_ = false;
  bool stopping_ = false;
  bool ending_unasked_ = false;  // though Stop was called, the VMM ended by itself before
  std::optional<absl::Status> killed_because_;
  std::optional<vmm::Stopped> stopped_;
  bool agent_asked_ = false;  // to end the guest
  std::unique_ptr<AgentCall> shutdown_call_;
  EventLoop::Watch events_watch_;
  EventLoop::Watch console_watch_;
  EventLoop::Timer console_gather_;
  EventLoop::Watch log_watch_;
  EventLoop::Watch ready_watch_;
  EventLoop::Watch vmm_watch_;
  EventLoop::Timer deadline_;  // of the boot, then of stopping
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_SANDBOX_H_
