#include "tools/cli/sandbox/run_ts_command.h"

#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bounded_json.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/store/image_store.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/kvm_choice.h"
#include "tools/cli/output_format.h"
#include "tools/cli/run_in_host.h"
#include "tools/cli/run_native.h"
#include "tools/cli/run_options.h"
#include "tools/cli/sandbox/exec_run.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

// RunTsRequest.code's bound in agent.proto.
constexpr size_t kMaxProgramBytes = 512 << 10;
// Of each stream, in JSON.
constexpr size_t kMaxOutputBytes = 16 << 20;
// Of what a program gives as its result; printing it takes some stack for each level.
constexpr int kMaxResultDepth = 1000;

absl::StatusOr<std::string> ReadProgram(const std::string& file) {
  if (file != "-") return ReadFile(file, kMaxProgramBytes);
  std::string text(kMaxProgramBytes + 1, '\0');
  ASSIGN_OR_RETURN(const size_t size, ReadUpTo(STDIN_FILENO, text.data(), text.size()));
  if (size > kMaxProgramBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the program is longer than ", kMaxProgramBytes, " bytes"));
  }
  text.resize(size);
  return text;
}

// Where the program's output goes: to where voidbox' own does, or into one JSON object at its end.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  absl::StatusOr<ExecSession::Streams> Streams() {
    ExecSession::Streams streams;
    streams.input = -1;
    if (!json_) return streams;
    for (UniqueFd* file : {&out_, &err_}) {
      file->Reset(::memfd_create("output", MFD_CLOEXEC));
      if (!*file) return ErrnoStatus("memfd_create");
    }
    streams.max_bytes = kMaxOutputBytes + 1;  // one more tells that it was cut
    streams.output = out_.get();
    streams.error = err_.get();
    return streams;
  }
  std::function<void(const agent::RunTsResult&)> ResultHandler() {
    return [this](const agent::RunTsResult& result) { result_ = result; };
  }
  int Finish(int exit_status) const {
    if (!json_) {
      if (result_.has_result()) LogInfo("result: ", result_.result());
      if (result_.has_error()) LogInfo("error: ", result_.error());
      return exit_status;
    }
    nlohmann::json json = {{"exitCode", exit_status}};
    json["stdout"] = Text(out_, json);
    json["stderr"] = Text(err_, json);
    json["result"] = Value(result_.has_result(), result_.result());
    json["error"] = Value(result_.has_error(), result_.error());
    PrintJson(json);
    return exit_status;
  }

 private:
  static nlohmann::json Value(bool has, const std::string& text) {
    if (!has) return nullptr;
    // The guest's: what is no JSON is none.
    return ParseJson(text, kMaxResultDepth).value_or(nlohmann::json());
  }
  static std::string Text(const UniqueFd& file, nlohmann::json& json) {
    std::string text(kMaxOutputBytes + 1, '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    if (text.size() > kMaxOutputBytes) {
      json["truncated"] = true;
      text.resize(kMaxOutputBytes);
    }
    return text;
  }

  const bool json_;
  UniqueFd out_;
  UniqueFd err_;
  agent::RunTsResult result_;
};

}  // namespace

FlagParser RunTsCommand::AddTo(FlagParser app) {
  const FlagParser run =
      app.AddCommand("run-ts", "Run a TypeScript program with Deno in a sandbox");
  run.SetUsage("voidbox run-ts [FLAGS] FILE.ts [-- ARGUMENTS...]");
  run.Add("FILE", file_, "the program, of this machine; - for standard input").Required();
  run.Add("--in", sandbox_, "sandbox that runs (default: a new one, made with the flags)")
      .Type("ID");
  run.AddSwitch("--allow-net", allow_net_,
                "it may use the network, as far as the firewall lets it");
  AddFormat(run, format_);
  AddRunFlags(run, flags_);
  run.SetFooter(
      "It may read and write /home/user alone. Its exit status is passed on.\n\n"
      "Example:\n"
      "  echo 'result.set({sum: 1 + 2})' | voidbox run-ts --image debian -");
  return run;
}

absl::StatusOr<agent::RunTsRequest> RunTsCommand::Request(
    const std::vector<std::string>& arguments) const {
  agent::RunTsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_code(), ReadProgram(file_));
  ASSIGN_OR_RETURN(const agent::ExecRequest exec, ToExecRequest(flags_.exec, {}));
  for (const std::string& argument : arguments) request.add_arguments(argument);
  *request.mutable_environment() = exec.environment();
  request.set_timeout_ms(exec.timeout_ms());
  *request.mutable_limits() = exec.limits();
  request.set_allow_net(allow_net_);
  return request;
}

int RunTsCommand::InSandbox(const agent::RunTsRequest& run_ts) const {
  auto vsock = ConnectToVsockOf(sandbox_);
  if (!vsock.ok()) return ExitStatusOf(vsock.status());
  agent::Request request;
  *request.mutable_run_ts() = run_ts;
  Output output(format_ == "json");
  const auto streams = output.Streams();
  if (!streams.ok()) return ExitStatusOf(streams.status());
  return output.Finish(RunExec(*std::move(vsock), std::move(request),
                               {.streams = *streams, .run_ts_result = output.ResultHandler()}));
}

int RunTsCommand::InNewSandbox(const Invocation& invocation) const {
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  std::optional<ImageLease> lease;
  auto options = ToRunOptions(flags_, {}, invocation.installation, *home, lease);
  if (!options.ok()) return ExitStatusOf(options.status());
  const auto kvm = ChooseKvm(flags_.kvm_host);
  if (!kvm.ok()) return ExitStatusOf(kvm.status());
  if (kvm->emulated) {
    if (const absl::Status status = CheckMachineFiles(options->sandbox); !status.ok()) {
      return ExitStatusOf(status);
    }
    return RunSelfInHost(invocation.installation, invocation.arguments,
                         {.reason = kvm->reason, .guest_variables = flags_.exec.environment});
  }
  auto request = Request(invocation.after_dashes);
  if (!request.ok()) return ExitStatusOf(request.status());
  Output output(format_ == "json");
  const auto streams = output.Streams();
  if (!streams.ok()) return ExitStatusOf(streams.status());
  options->run_ts = *std::move(request);
  options->run_ts_result = output.ResultHandler();
  options->streams = *streams;
  return output.Finish(RunNative(*home, *options));
}

int RunTsCommand::Run(const Invocation& invocation) {
  if (flags_.detach || flags_.exec.terminal) {
    return ExitStatusOf(absl::InvalidArgumentError("run-ts has neither --detach nor --tty"));
  }
  if (sandbox_.empty()) return InNewSandbox(invocation);
  const auto request = Request(invocation.after_dashes);
  return request.ok() ? InSandbox(*request) : ExitStatusOf(request.status());
}

}  // namespace voidbox
