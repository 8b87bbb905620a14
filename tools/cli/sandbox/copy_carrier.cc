#include "tools/cli/sandbox/copy_carrier.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/exec_session.h"
#include "sandbox/file_transfer.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/sandbox/sandboxes.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

constexpr char kStream[] = "-";
constexpr int kBrokenOff = kExitSignalBase + SIGPIPE;
// Of what the program in the host says; it is a line or two.
constexpr size_t kMaxSaidBytes = 16 << 10;

std::string Join(const GuestPath& path) { return absl::StrCat(path.sandbox, ":", path.path); }

absl::Status UploadHere(const GuestPath& directory, int input) {
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(directory.sandbox));
  agent::UploadRequest request;
  request.set_destination(directory.path);
  request.set_keep_links(true);
  return Upload(*loop, std::move(vsock), request, input).status();
}

// A signal ends the transfer, not the process, so that what was unpacked is cleared away.
absl::Status DownloadHere(const GuestPath& path, int output, int& signal) {
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  ASSIGN_OR_RETURN(const auto signals, SignalSource::Create(*loop, [&](int number) {
                     signal = number;
                     loop->Stop();
                   }));
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(path.sandbox));
  agent::DownloadRequest request;
  request.set_path(path.path);
  request.set_contents_only(NameOfGuestSource(path.path).empty());
  request.set_keep_links(true);
  ASSIGN_OR_RETURN(const agent::TransferDone done,
                   Download(*loop, std::move(vsock), request, output));
  if (done.left_out() != 0) {
    LogWarning("left out: ", done.left_out(), " that are pipes, sockets or devices");
  }
  return absl::OkStatus();
}

Carried Carry(const Invocation& invocation, std::vector<std::string> arguments,
              ExecSession::Streams streams, const std::function<absl::Status(int& signal)>& here) {
  Carried carried;
  const UniqueFd said(::memfd_create("said", MFD_CLOEXEC));
  if (!said)
    return {.exit_status = kExitOwnError, .status = ErrnoStatus("memfd_create"), .said = ""};
  streams.error = said.get();
  Invocation same = invocation;
  same.arguments = std::move(arguments);
  carried.exit_status =
      RunWhereSandboxesLive(same,
                            [&] {
                              int signal = 0;
                              carried.status = here(signal);
                              if (signal != 0) return kExitSignalBase + signal;
                              if (carried.status.ok()) return 0;
                              return absl::IsCancelled(carried.status) ? kBrokenOff : kExitOwnError;
                            },
                            {.streams = streams});
  carried.said.resize(kMaxSaidBytes);
  const ssize_t got = ::pread(said.get(), carried.said.data(), carried.said.size(), 0);
  carried.said.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return carried;
}

}  // namespace

bool Carried::is_broken_off() const { return exit_status == kBrokenOff; }

int Carried::Tell() const {
  if (!status.ok() && !absl::IsCancelled(status)) LogError(status.message());
  if (!said.empty()) WriteAll(STDERR_FILENO, said).IgnoreError();
  return exit_status;
}

Carried CarryIn(const Invocation& invocation, const GuestPath& directory, int input) {
  return Carry(invocation, {"cp", kStream, Join(directory)}, {.input = input},
               [&](int&) { return UploadHere(directory, input); });
}

Carried CarryOut(const Invocation& invocation, const GuestPath& path, int output) {
  return Carry(invocation, {"cp", Join(path), kStream}, {.input = -1, .output = output},
               [&](int& signal) { return DownloadHere(path, output, signal); });
}

}  // namespace voidbox
