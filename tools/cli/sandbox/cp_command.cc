#include "tools/cli/sandbox/cp_command.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/pipe.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/human_units.h"
#include "tools/cli/parse.h"
#include "tools/cli/progress_bar.h"
#include "tools/cli/sandbox/ask.h"
#include "tools/cli/sandbox/copy_carrier.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

constexpr char kStream[] = "-";
constexpr int kNo = 1;
// The copy has come, but for the links that are listed.
constexpr int kExitLinksNotMade = 1;

absl::StatusOr<bool> IsDirectoryHere(const GuestPath& path) {
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(path.sandbox));
  agent::Request request;
  request.mutable_file()->mutable_stat()->set_path(path.path);
  const auto frame = AskAgent(std::move(vsock), request, agent::ServerFrame::kFile);
  if (absl::IsNotFound(frame.status())) return false;
  RETURN_IF_ERROR(frame.status());
  return frame->file().files_size() == 1 && frame->file().files(0).type() == agent::DIRECTORY;
}

// How far a stream's other end is, for a person. Belongs to the thread that calls it.
class CopyProgress {
 public:
  CopyProgress(bool quiet, const std::string& step, uint64_t total)
      : bar_([&] {
          ProgressBar::Options options = ProgressBar::ForTerminal([] { return absl::OkStatus(); });
          options.is_terminal = options.is_terminal && !quiet;
          return options;
        }()) {
    bar_.Begin(step, total);
  }
  TarProgress Function() {
    return [this](uint64_t bytes) { return bar_.Advance(bytes); };
  }

 private:
  ProgressBar bar_;
};

// Signals are for the main thread, whose carrying they end.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

FlagParser CpCommand::AddTo(FlagParser app) {
  const FlagParser cp = app.AddCommand("cp", "Copy files to or from a sandbox' workspace");
  cp.Add("SOURCE", source_, "file or folder, ID:PATH, or - for a tar stream").Required();
  cp.Add("DESTINATION", destination_, "ID:PATH, file or folder, or - for a tar stream");
  cp.AddSwitch("-q,--quiet", quiet_, "no progress");
  cp.AddSwitch("--skip-links", skip_links_,
               "from a sandbox: links that lead out of what is copied are no failure");
  cp.Add("--max-size", max_size_, "from a sandbox: files of more than this are not taken")
      .Type("SIZE")
      .ShowDefault();
  cp.AddSwitch("--is-directory", is_directory_).Hidden();
  cp.SetFooter(
      "PATH is relative to /home/user (/workspace), which nothing leaves. A destination that is a\n"
      "folder, or ends in /, takes the source into it; another one becomes its name. SOURCE/. is\n"
      "what is in the folder. Either side is as it was unless all arrived.\n\n"
      "Of a tree, files, folders and symbolic links are copied. To a sandbox a link is copied as "
      "it\n"
      "is. From a sandbox it is made if it leads to something in the copied folder; others are\n"
      "listed, and the exit status is 1. At most a million entries are taken from a sandbox.\n\n"
      "Examples:\n"
      "  voidbox cp project web:\n"
      "  voidbox cp web:project/result.json .\n"
      "  voidbox cp --skip-links web:venv/. venv\n"
      "  tar c src | voidbox cp - web:build\n"
      "  voidbox cp web:build - | tar t");
  return cp;
}

int CpCommand::AskWhetherDirectory(const Invocation& invocation, const GuestPath& path) const {
  Invocation question = invocation;
  question.arguments = {"cp", "--is-directory", absl::StrCat(path.sandbox, ":", path.path)};
  return RunWhereSandboxesLive(question, [&] {
    const auto is_directory = IsDirectoryHere(path);
    if (!is_directory.ok()) return ExitStatusOf(is_directory.status());
    return *is_directory ? 0 : kNo;
  });
}

int CpCommand::ToGuest(const Invocation& invocation) const {
  GuestPath to = ParseGuestPath(destination_);
  if (source_ == kStream) return CarryIn(invocation, to, STDIN_FILENO).Tell();
  std::string name = NameOfLocalSource(source_);
  bool into = name.empty() || to.path.empty() || to.path.back() == '/';
  if (!into) {
    const int answer = AskWhetherDirectory(invocation, to);
    if (answer != 0 && answer != kNo) return answer;
    into = answer == 0;
  }
  if (!into) {
    SplitPath split = SplitLast(to.path);
    to.path = std::move(split.directory);
    name = std::move(split.name);
  }
  auto pipe = NewPipe();
  if (!pipe.ok()) return ExitStatusOf(pipe.status());
  absl::StatusOr<TarCount> packed = TarCount();
  auto packer = StartThread([&] {
    BlockSignals();
    CopyProgress progress(quiet_, "copying", MeasureTree(source_));
    packed = PackLocalTree(source_, name, pipe->write.get(), progress.Function());
    pipe->write.Reset();  // of a packer that failed, the stream has no end mark, and is refused
  });
  if (!packer.ok()) return ExitStatusOf(packer.status());
  const Carried carried = CarryIn(invocation, to, pipe->read.get());
  pipe->read.Reset();
  packer->join();
  // What the guest says of a stream that was cut short here is no news.
  if (!packed.ok() && !absl::IsCancelled(packed.status())) return ExitStatusOf(packed.status());
  if (carried.ok() && !packed.ok()) {
    return ExitStatusOf(absl::DataLossError("the agent did not take the whole stream"));
  }
  if (carried.ok()) TellCounts(*packed);
  return carried.Tell();
}

absl::StatusOr<LocalDestination> CpCommand::OpenDestination(const std::string& name,
                                                            UnpackOptions& options) const {
  options.links = TarLinks::kInside;
  options.only = name;
  ASSIGN_OR_RETURN(options.limits.max_bytes, ParseBytes("--max-size", max_size_));
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(destination_, error);
  if (is_directory || name.empty() || destination_.back() == '/') {
    return LocalDestination::Open(destination_, /*make=*/!is_directory);
  }
  SplitPath split = SplitLast(destination_);
  if (split.directory.empty()) split.directory = ".";
  if (split.name == "." || split.name == ".." ||
      !std::filesystem::is_directory(split.directory, error)) {
    return absl::NotFoundError(absl::StrCat("no folder ", split.directory));
  }
  options.rename = split.name;
  return LocalDestination::Open(split.directory, /*make=*/false);
}

int CpCommand::FromGuest(const Invocation& invocation) const {
  const GuestPath from = ParseGuestPath(source_);
  if (destination_ == kStream) {
    if (::isatty(STDOUT_FILENO) == 1) {
      return ExitStatusOf(absl::InvalidArgumentError(
          "standard output is a terminal, which is no place for a tar stream; use a pipe"));
    }
    return CarryOut(invocation, from, STDOUT_FILENO).Tell();
  }
  UnpackOptions options;
  auto destination = OpenDestination(NameOfGuestSource(from.path), options);
  if (!destination.ok()) return ExitStatusOf(destination.status());
  auto pipe = NewPipe();
  if (!pipe.ok()) return ExitStatusOf(pipe.status());
  absl::StatusOr<TarCount> unpacked = TarCount();
  auto unpacker = StartThread([&] {
    BlockSignals();
    CopyProgress progress(quiet_, "copying", 0);
    options.progress = progress.Function();
    unpacked = destination->Unpack(pipe->read.get(), options);
    pipe->read.Reset();
  });
  if (!unpacker.ok()) return ExitStatusOf(unpacker.status());
  const Carried carried = CarryOut(invocation, from, pipe->write.get());
  pipe->write.Reset();
  unpacker->join();
  // A stream that broke off is told by whoever broke it.
  if (!carried.ok() && !carried.is_broken_off()) return carried.Tell();
  if (!unpacked.ok()) return ExitStatusOf(unpacked.status());
  if (!carried.ok()) return ExitStatusOf(absl::DataLossError("the stream broke off"));
  if (const absl::Status status = destination->Commit(); !status.ok()) return ExitStatusOf(status);
  carried.Tell();
  return TellUnpacked(*unpacked);
}

int CpCommand::TellUnpacked(const TarCount& count) const {
  for (const std::string& link : count.not_made) {
    LogWarning("not copied, as it leads out of what is copied: link ", link);
  }
  if (count.links_not_made > count.not_made.size()) {
    LogWarning("not copied either: ", count.links_not_made - count.not_made.size(), " more links");
  }
  TellCounts(count);
  return count.links_not_made == 0 || skip_links_ ? 0 : kExitLinksNotMade;
}

void CpCommand::TellCounts(const TarCount& count) const {
  if (count.left_out != 0) {
    LogWarning("left out: ", count.left_out, " that are pipes, sockets or devices");
  }
  if (!quiet_ && ::isatty(STDERR_FILENO) == 1) {
    LogInfo("copied ", count.files, count.files == 1 ? " file, " : " files, ",
            HumanBytes(count.bytes));
  }
}

int CpCommand::Run(const Invocation& invocation) {
  if (is_directory_) return AskWhetherDirectory(invocation, ParseGuestPath(source_));
  const bool from = source_ != kStream && IsGuestPath(source_);
  const bool to = destination_ != kStream && IsGuestPath(destination_);
  if (destination_.empty() || from == to) {
    return ExitStatusOf(absl::InvalidArgumentError(
        "one of source and destination is in a sandbox, written ID:PATH; see `voidbox cp --help`"));
  }
  return to ? ToGuest(invocation) : FromGuest(invocation);
}

}  // namespace voidbox
