#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "sandbox/exec_session.h"
#include "sandbox/file_transfer.h"
#include "sandbox/testing_agent_stream.h"
#include "tools/cli/output_format.h"
#include "tools/cli/sandbox/ask.h"
#include "tools/cli/sandbox/guest_json.h"

namespace voidbox {
namespace {

constexpr uint64_t kMaxOutput = 1000;

void AskFor(agent::ServerFrame::FrameCase expected, absl::string_view says) {
  TestingAgentStream agent(says);
  const auto frame = AskAgent(agent.TakeConnection(), agent::Request(), expected);
  if (!frame.ok()) return;
  Check(frame->frame_case() == expected, "the answer is one to the question");
  const nlohmann::json json =
      expected == agent::ServerFrame::kMetrics ? ToJson(frame->metrics()) : ToJson(frame->execs());
  Check(!json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace).empty(), "it has text");
}

void RunTransfer(bool up, absl::string_view says) {
  const auto loop = EventLoop::Create();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TestingAgentStream agent(says);
  const auto done = up ? Upload(**loop, agent.TakeConnection(), {}, null.get())
                       : Download(**loop, agent.TakeConnection(), {}, null.get());
  if (!done.ok()) {
    for (const char c : done.status().message()) Check(c >= ' ' || c == '\n', "a reason is text");
  }
}

void RunSession(bool printable, absl::string_view says) {
  const auto loop = EventLoop::Create();
  const UniqueFd output(::memfd_create("output", MFD_CLOEXEC));
  TestingAgentStream agent(says);
  std::optional<absl::StatusOr<agent::ExecEnded>> ended;
  int started = 0;
  auto session = ExecSession::Start(
      **loop, agent.TakeConnection(), 1234, agent::Request(),
      {.input = -1,
       .output = output.get(),
       .error = output.get(),
       .printable_output = printable,
       .printable_error = printable,
       .max_bytes = kMaxOutput},
      {.ended = [&](absl::StatusOr<agent::ExecEnded> result) { ended = std::move(result); },
       .started = [&](const agent::ExecStarted&) { ++started; },
       .run_ts_result = [](const agent::RunTsResult&) {}});
  Check(session.ok(), "a session starts");
  while (!ended.has_value()) Check((*loop)->RunOnce(absl::Seconds(60)).ok(), "the loop runs");
  Check(started <= 1, "a command starts once");
  std::string text(16 * kMaxOutput, '\0');
  const ssize_t size = ::pread(output.get(), text.data(), text.size(), 0);
  Check(size >= 0 && size <= static_cast<ssize_t>((printable ? 12 : 2) * kMaxOutput),
        "output is bounded");
  text.resize(static_cast<size_t>(size));
  Check(!printable || text.find('\x1b') == text.npos, "nothing commands a terminal");
}

}  // namespace
}  // namespace voidbox

// The first byte says who reads, the rest is what the agent says.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string says(data + 1, data + size);
  switch (data[0] % 6) {
    case 0:
      voidbox::AskFor(voidbox::agent::ServerFrame::kMetrics, says);
      break;
    case 1:
      voidbox::AskFor(voidbox::agent::ServerFrame::kExecs, says);
      break;
    case 2:
    case 3:
      voidbox::RunTransfer(data[0] % 6 == 2, says);
      break;
    default:
      voidbox::RunSession(data[0] % 6 == 4, says);
      break;
  }
  return 0;
}
