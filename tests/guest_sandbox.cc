#include "tests/guest_sandbox.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/status_matchers.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/registry.h"

namespace voidbox {

namespace {

// In the runfiles, which vm_test makes the working directory.
constexpr char kVmm[] = "vmm/voidbox-vmm";
constexpr char kKernel[] = "image/kernel/vmlinux";
constexpr char kInitramfs[] = "image/minimal.cpio";

// A line for each thread: name, state (R runs, S waits), system call that it is in, CPU time in
// user and kernel mode in hundredths of a second. It tells a guest that spins from one that sleeps,
// and a loop that is stuck from either.
std::string Threads(pid_t pid) {
  std::string text;
  std::error_code error;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  for (const auto& entry : std::filesystem::directory_iterator(tasks, error)) {
    const auto stat = ReadFile(entry.path().string() + "/stat", 4096);
    const auto call = ReadFile(entry.path().string() + "/syscall", 4096);
    if (!stat.ok()) continue;
    // proc_pid_stat(5): the name in brackets, the state, and 10 fields before the times.
    const std::vector<std::string> fields =
        absl::StrSplit(stat->substr(stat->rfind(')') + 1), ' ', absl::SkipEmpty());
    if (fields.size() < 13) continue;
    absl::StrAppend(&text, "  ", stat->substr(0, stat->rfind(')') + 1), " ", fields[0], " in ",
                    call.ok() ? call->substr(0, call->find(' ')) : "?", ", ", fields[11], " + ",
                    fields[12], "\n");
  }
  return text;
}

std::string ThreadsNowAndLater(pid_t pid) {
  const std::string now = Threads(pid);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return absl::StrCat(now, "\n", Threads(pid));
}

// What scripts/run_kvm_tests.sh has the guests boot instead.
std::string FromEnvironment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return std::filesystem::absolute(value != nullptr && *value != '\0' ? value : otherwise);
}

}  // namespace

// --- Exec ---

void GuestSandbox::Exec::Send(const agent::ClientFrame& frame) {
  ASSERT_NE(call_, nullptr);
  EXPECT_THAT(call_->Send(frame), IsOk());
}

void GuestSandbox::Exec::SendInput(absl::string_view bytes) {
  constexpr size_t kPiece = 64 << 10;  // agent.proto, ClientFrame
  for (size_t done = 0; done < bytes.size(); done += kPiece) {
    agent::ClientFrame frame;
    const absl::string_view piece = bytes.substr(done, kPiece);
    frame.set_stdin(piece.data(), piece.size());
    Send(frame);
  }
}

void GuestSandbox::Exec::EndInput() {
  agent::ClientFrame frame;
  frame.mutable_close_stdin();
  Send(frame);
}

void GuestSandbox::Exec::Signal(int number) {
  agent::ClientFrame frame;
  frame.mutable_signal()->set_number(static_cast<uint32_t>(number));
  Send(frame);
}

// --- The sandbox ---

absl::StatusOr<std::unique_ptr<GuestSandbox>> GuestSandbox::Boot(
    const std::function<void(Sandbox::Options&)>& adjust) {
  std::unique_ptr<GuestSandbox> guest(new GuestSandbox());
  GuestSandbox* const self = guest.get();
  ASSIGN_OR_RETURN(guest->loop_, EventLoop::Create());
  const std::string home = absl::StrCat(::testing::TempDir(), "/home");
  std::filesystem::create_directories(home);
  ASSIGN_OR_RETURN(Registry registry, Registry::Open(home));
  Sandbox::Options options;
  options.vmm = std::filesystem::absolute(kVmm);
  options.kernel = FromEnvironment("KERNEL", kKernel);
  options.initramfs = FromEnvironment("INITRAMFS", kInitramfs);
  options.command_line = SandboxCommandLine(GuestKernel::kOwn, /*show_console=*/false, "");
  options.memory_bytes = kMemoryBytes;
  if (adjust) adjust(options);
  Sandbox::Handlers handlers;
  handlers.ready = [self](const agent::Ready&) { self->ready_ = true; };
  handlers.ended = [self](const absl::Status& status) { self->ended_ = status; };
  handlers.console = [self](absl::string_view text) {
    self->console_.append(text.data(), text.size());
  };
  ASSIGN_OR_RETURN(guest->sandbox_,
                   Sandbox::Start(*guest->loop_, registry, options, std::move(handlers)));
  guest->Await([self] { return self->ready_ || self->ended_.has_value(); });
  if (!guest->ready_) return guest->ended_.value_or(absl::DeadlineExceededError("the boot"));
  return guest;
}

bool GuestSandbox::Await(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kLimit);
  while (!done()) {
    if (stuck_ || std::chrono::steady_clock::now() >= deadline) {
      if (stuck_) {
        ADD_FAILURE() << "not waited for: the guest is stuck since before";
        return false;
      }
      stuck_ = true;
      ADD_FAILURE() << "what was waited for did not come in " << absl::FormatDuration(kLimit)
                    << "; the threads of the VMM, then and a second later:\n"
                    << ThreadsNowAndLater(sandbox_->vmm_pid()) << "the guest's console:\n"
                    << console_;
      return false;
    }
    EXPECT_THAT(loop_->RunOnce(absl::Seconds(1)), IsOk());
  }
  return true;
}

agent::ExecRequest GuestSandbox::Command(std::initializer_list<std::string> argv) {
  agent::ExecRequest request;
  for (const std::string& argument : argv) request.add_argv(argument);
  request.set_user("root");
  return request;
}

agent::ExecRequest GuestSandbox::Shell(const std::string& script) {
  return Command({"sh", "-c", script});
}

std::unique_ptr<AgentCall> GuestSandbox::Call(const agent::Request& request,
                                              AgentCall::Handlers handlers) {
  auto stream = sandbox_->ConnectVsock();
  EXPECT_THAT(stream, IsOk());
  if (!stream.ok()) return nullptr;
  auto call =
      AgentCall::Start(*loop_, *std::move(stream), kAgentPort, request, std::move(handlers));
  EXPECT_THAT(call, IsOk());
  return call.ok() ? *std::move(call) : nullptr;
}

std::unique_ptr<GuestSandbox::Exec> GuestSandbox::Start(const agent::ExecRequest& request) {
  auto exec = std::make_unique<Exec>();
  Exec* const self = exec.get();
  agent::Request call;
  *call.mutable_exec() = request;
  AgentCall::Handlers handlers;
  handlers.frame = [self](const agent::ServerFrame& frame) {
    EXPECT_FALSE(self->ended.has_value()) << "a frame after the last one";
    if (frame.has_started()) self->pid = frame.started().pid();
    self->out += frame.stdout();
    self->err += frame.stderr();
    if (frame.has_error()) self->error = frame.error().message();
    if (frame.has_ended()) self->ended = frame.ended();
  };
  handlers.ended = [self](const absl::Status& status) { self->end = status; };
  exec->call_ = Call(call, std::move(handlers));
  if (exec->call_ == nullptr) exec->end = absl::UnavailableError("no connection");
  return exec;
}

std::unique_ptr<GuestSandbox::Exec> GuestSandbox::Run(const agent::ExecRequest& request) {
  auto exec = Start(request);
  Finish(*exec);
  return exec;
}

void GuestSandbox::Finish(Exec& exec) {
  Await([&] { return exec.end.has_value(); });
  EXPECT_TRUE(exec.end.has_value() && exec.end->ok())
      << (exec.end.has_value() ? exec.end->ToString() : "it goes on");
  EXPECT_EQ(exec.error, "");
}

void GuestSandbox::AwaitOutput(Exec& exec, absl::string_view text) {
  Await([&] {
    return exec.out.find(text.data(), 0, text.size()) != std::string::npos || exec.end.has_value();
  });
  EXPECT_THAT(exec.out, ::testing::HasSubstr(std::string(text))) << exec.err;
}

agent::ServerFrame GuestSandbox::Ask(const agent::Request& request) {
  agent::ServerFrame answer;
  std::optional<absl::Status> end;
  AgentCall::Handlers handlers;
  handlers.frame = [&](const agent::ServerFrame& frame) { answer = frame; };
  handlers.ended = [&](const absl::Status& status) { end = status; };
  const auto call = Call(request, std::move(handlers));
  if (call != nullptr) Await([&] { return end.has_value(); });
  return answer;
}

absl::Status GuestSandbox::AwaitEnd() {
  Await([&] { return ended_.has_value(); });
  return ended_.value_or(absl::DeadlineExceededError("the sandbox goes on"));
}

}  // namespace voidbox
