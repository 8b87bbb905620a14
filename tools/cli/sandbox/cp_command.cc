#include "tools/cli/sandbox/cp_command.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/log.h"
#include "base/pipe.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/file_transfer.h"
#include "sandbox/local_tar.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/human_units.h"
#include "tools/cli/progress_bar.h"
#include "tools/cli/sandbox/ask.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

constexpr char kStream[] = "-";
constexpr int kNo = 1;

// The last part of a path, and what is before it; a trailing slash does not count.
struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath Split(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string Join(const GuestPath& path) { return absl::StrCat(path.sandbox, ":", path.path); }

absl::Status UploadHere(const GuestPath& directory, int input) {
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(directory.sandbox));
  agent::UploadRequest request;
  request.set_destination(directory.path);
  return Upload(std::move(vsock), request, input).status();
}

absl::Status DownloadHere(const GuestPath& path, int output) {
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(path.sandbox));
  agent::DownloadRequest request;
  request.set_path(path.path);
  ASSIGN_OR_RETURN(const agent::TransferDone done, Download(std::move(vsock), request, output));
  if (done.left_out() != 0) {
    LogWarning(done.left_out(), " entries were left out: links, pipes and devices are not copied");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> IsDirectoryHere(const GuestPath& path) {
  ASSIGN_OR_RETURN(UniqueFd vsock, ConnectToVsockOf(path.sandbox));
  agent::Request request;
  request.mutable_file()->mutable_stat()->set_path(path.path);
  const auto frame = AskAgent(std::move(vsock), request);
  if (absl::IsNotFound(frame.status())) return false;
  RETURN_IF_ERROR(frame.status());
  return frame->file().files_size() == 1 && frame->file().files(0).type() == agent::DIRECTORY;
}

int StatusToExit(const absl::Status& status) { return status.ok() ? 0 : ExitStatusOf(status); }

// The same program asked for something else.
Invocation With(const Invocation& invocation, std::vector<std::string> arguments) {
  Invocation result = invocation;
  result.arguments = std::move(arguments);
  return result;
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

void TellCounts(bool quiet, const TarCounts& counts) {
  if (counts.left_out != 0) {
    LogWarning(counts.left_out, " entries were left out: links, pipes and devices are not copied");
  }
  if (!quiet && ::isatty(STDERR_FILENO) == 1) {
    LogInfo("copied ", counts.files, counts.files == 1 ? " file, " : " files, ",
            HumanBytes(counts.bytes));
  }
}

}  // namespace

bool IsGuestPath(const std::string& text) {
  const size_t colon = text.find(':');
  return colon != std::string::npos && colon != 0 &&
         text.substr(0, colon).find('/') == std::string::npos;
}

GuestPath ParseGuestPath(const std::string& text) {
  const size_t colon = text.find(':');
  return {text.substr(0, colon), text.substr(colon + 1)};
}

CLI::App* CpCommand::AddTo(CLI::App& app) {
  CLI::App* const cp = app.add_subcommand("cp", "Copy files to or from a sandbox' workspace");
  cp->add_option("SOURCE", source_, "file or folder, ID:PATH, or - for a tar stream")->required();
  cp->add_option("DESTINATION", destination_, "ID:PATH, file or folder, or - for a tar stream");
  cp->add_flag("-q,--quiet", quiet_, "no progress");
  cp->add_flag("--is-directory", is_directory_)->group("");
  cp->footer(
      "PATH is relative to /home/user (/workspace), which nothing leaves. A destination that is a\n"
      "folder takes the source into it; another one becomes its name. Of a tree, files and\n"
      "folders are copied, and nothing is changed in the guest unless all arrived.\n\n"
      "Examples:\n"
      "  voidbox cp project web:\n"
      "  voidbox cp web:project/result.json .\n"
      "  tar c src | voidbox cp - web:build\n"
      "  voidbox cp web:build - | tar t");
  return cp;
}

int CpCommand::AskWhetherDirectory(const Invocation& invocation, const GuestPath& path) const {
  return RunWhereSandboxesLive(With(invocation, {"cp", "--is-directory", Join(path)}), [&] {
    const auto is_directory = IsDirectoryHere(path);
    if (!is_directory.ok()) return ExitStatusOf(is_directory.status());
    return *is_directory ? 0 : kNo;
  });
}

int CpCommand::CarryIn(const Invocation& invocation, const GuestPath& directory, int input) const {
  return RunWhereSandboxesLive(With(invocation, {"cp", kStream, Join(directory)}),
                               [&] { return StatusToExit(UploadHere(directory, input)); },
                               {.streams = {.input = input}});
}

int CpCommand::CarryOut(const Invocation& invocation, const GuestPath& path, int output) const {
  return RunWhereSandboxesLive(With(invocation, {"cp", Join(path), kStream}),
                               [&] { return StatusToExit(DownloadHere(path, output)); },
                               {.streams = {.input = -1, .output = output}});
}

int CpCommand::ToGuest(const Invocation& invocation) const {
  GuestPath to = ParseGuestPath(destination_);
  if (source_ == kStream) return CarryIn(invocation, to, STDIN_FILENO);
  const auto total = MeasureTree(source_);
  if (!total.ok()) return ExitStatusOf(total.status());
  std::string name = Split(std::filesystem::absolute(source_).lexically_normal().string()).name;
  bool into = to.path.empty() || to.path.back() == '/';
  if (!into) {
    const int answer = AskWhetherDirectory(invocation, to);
    if (answer != 0 && answer != kNo) return answer;
    into = answer == 0;
  }
  if (!into) {
    SplitPath split = Split(to.path);
    to.path = std::move(split.directory);
    name = std::move(split.name);
  }
  auto pipe = NewPipe();
  if (!pipe.ok()) return ExitStatusOf(pipe.status());
  absl::StatusOr<TarCounts> packed = TarCounts();
  std::thread packer([&, output = std::move(pipe->write)]() mutable {
    CopyProgress progress(quiet_, "copying", *total);
    packed = PackTar(source_, name, output.get(), progress.Function());
    // What is no tar header: the guest must not take half a tree for the whole.
    if (!packed.ok()) WriteAll(output.get(), std::string(512, '\xff')).IgnoreError();
    output.Reset();
  });
  const int result = CarryIn(invocation, to, pipe->read.get());
  pipe->read.Reset();
  packer.join();
  if (!packed.ok() && !absl::IsInternal(packed.status())) return ExitStatusOf(packed.status());
  if (result == 0 && packed.ok()) TellCounts(quiet_, *packed);
  return result;
}

int CpCommand::FromGuest(const Invocation& invocation) const {
  const GuestPath from = ParseGuestPath(source_);
  if (destination_ == kStream) return CarryOut(invocation, from, STDOUT_FILENO);
  std::string directory = destination_;
  std::string rename;
  std::error_code error;
  if (!std::filesystem::is_directory(destination_, error)) {
    SplitPath split = Split(destination_);
    directory = split.directory.empty() ? "." : split.directory;
    rename = split.name;
    if (!std::filesystem::is_directory(directory, error)) {
      return ExitStatusOf(absl::NotFoundError(absl::StrCat("no folder ", directory)));
    }
  }
  auto pipe = NewPipe();
  if (!pipe.ok()) return ExitStatusOf(pipe.status());
  absl::StatusOr<TarCounts> unpacked = TarCounts();
  std::thread unpacker([&, input = std::move(pipe->read)]() mutable {
    CopyProgress progress(quiet_, "copying", 0);
    unpacked = UnpackTar(input.get(), directory, rename, progress.Function());
    // What is behind the archive's end, so that the writer is not broken off.
    char rest[4096];
    while (unpacked.ok() && ::read(input.get(), rest, sizeof(rest)) > 0) {
    }
    input.Reset();
  });
  const int result = CarryOut(invocation, from, pipe->write.get());
  pipe->write.Reset();
  unpacker.join();
  if (!unpacked.ok() && result == 0) return ExitStatusOf(unpacked.status());
  if (result == 0) TellCounts(quiet_, *unpacked);
  return result;
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
