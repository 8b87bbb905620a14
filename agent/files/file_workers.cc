#include "agent/files/file_workers.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<UniqueFd> RequestFile(const agent::Request& request) {
  UniqueFd file(::memfd_create("request", MFD_CLOEXEC));
  if (!file) return ErrnoStatus("memfd_create");
  RETURN_IF_ERROR(WriteAll(file.get(), request.SerializeAsString()));
  return file;
}

absl::Status SignalProcess(int process, int signal) {
  return ::syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0) == 0
             ? absl::OkStatus()
             : ErrnoStatus("pidfd_send_signal");
}

}  // namespace

FileWorkers::FileWorkers(EventLoop& loop, ProcessTrees& trees, Spawner& spawner, Options options)
    : loop_(loop),
      trees_(trees),
      spawner_(spawner),
      options_(std::move(options)),
      command_({.arguments = options_.command, .working_directory = "/"}) {}

FileWorkers::~FileWorkers() {
  for (auto& [id, worker] : workers_)
    static_cast<void>(SignalProcess(worker.process.get(), SIGKILL));
}

CallHandlers FileWorkers::Handlers() {
  const StreamTaker taker = [this](const agent::Request& request, int stream) {
    return Start(request, stream);
  };
  return {{agent::Request::kFile, taker},
          {agent::Request::kUpload, taker},
          {agent::Request::kDownload, taker}};
}

absl::Status FileWorkers::Start(const agent::Request& request, int stream) {
  if (workers_.size() >= options_.max_workers) {
    return absl::ResourceExhaustedError(
        absl::StrCat("file calls: the limit of ", options_.max_workers, " at once is reached"));
  }
  ASSIGN_OR_RETURN(const UniqueFd file, RequestFile(request));
  Worker worker;
  // A worker is root's only as long as it runs nothing but our code.
  ASSIGN_OR_RETURN(worker.tree, trees_.Create({.limits = {}, .reusable = true}));
  ASSIGN_OR_RETURN(worker.process, Spawn(*worker.tree, file.get(), stream));
  const uint64_t id = next_id_++;
  auto watch = loop_.Add(worker.process.get(), EPOLLIN, [this, id](uint32_t) { OnEnded(id); });
  if (!watch.ok()) {
    // The stream is the worker's already, so that nobody may answer on it.
    LogError("file worker: ", watch.status().message());
    static_cast<void>(SignalProcess(worker.process.get(), SIGKILL));
    return absl::OkStatus();
  }
  worker.watch = *std::move(watch);
  workers_.emplace(id, std::move(worker));
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> FileWorkers::Spawn(ProcessTree& tree, int request, int stream) {
  ASSIGN_OR_RETURN(const auto started, spawner_.Start(command_, {.input = stream,
                                                                 .output = request,
                                                                 .error = options_.log_fd,
                                                                 .cgroup = tree.cgroup()}));
  if (const auto* failure = std::get_if<Spawner::NotStarted>(&started)) {
    return absl::InternalError(absl::StrCat("file worker: ", failure->message));
  }
  const pid_t pid = std::get<pid_t>(started);
  tree.OnStarted(pid);
  // Nobody has reaped it yet: that is done from the loop.
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    const absl::Status status = ErrnoStatus("pidfd_open");
    ::kill(pid, SIGKILL);
    return status;
  }
  return process;
}

void FileWorkers::OnEnded(uint64_t id) {
  Worker& worker = workers_.at(id);
  worker.watch.Reset();
  // PID 1 reaps every child; elsewhere it is ours to do.
  siginfo_t info = {};
  ::waitid(P_PIDFD, static_cast<id_t>(worker.process.get()), &info, WEXITED | WNOHANG);
  if (!worker.tree->Gone()) {
    worker.tree->Kill();
    const absl::Status status = worker.tree->WatchGone([this, id] { CheckGone(id); });
    if (!status.ok()) LogError("file worker: ", status.message());
  }
  CheckGone(id);
}

void FileWorkers::CheckGone(uint64_t id) {
  const auto worker = workers_.find(id);
  if (worker != workers_.end() && worker->second.tree->Gone()) workers_.erase(worker);
}

}  // namespace voidbox
