#include "sandbox/emulated_host/hostd_sandboxes.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/living_sandboxes.h"
#include "sandbox/registry.h"

namespace voidbox {
namespace {

constexpr uint64_t kMaxPatienceMs = 24 * 60 * 60 * 1000;

// Ids are hexadecimal; what is none might name another directory.
bool IsId(absl::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

void Write(OutputPump& pump, const host::HostdReply& reply) {
  std::string bytes;
  const absl::Status framed = AppendFrame(reply, bytes);
  if (!framed.ok()) return LogError("answer: ", framed.message());
  pump.Write(bytes);
}

}  // namespace

UniqueFd HostdSandboxes::Answer(absl::string_view bytes) {
  host::HostdRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return UniqueFd();
  if (request.has_connect()) return Connect(request.connect());
  auto pair = UnixSocketPair();
  if (!pair.ok()) {
    LogError("new stream: ", pair.status().message());
    return UniqueFd();
  }
  const uint64_t id = next_id_++;
  Asker& asker = askers_[id];
  asker.socket = std::move(pair->second);
  // Posted, since the pump itself calls it.
  asker.pump = std::make_unique<OutputPump>(
      loop_, asker.socket.get(), [this, id] { loop_.Post([this, id] { ForgetIfDone(id); }); });
  absl::Status status = absl::UnimplementedError("a request that hostd does not know");
  if (request.has_list()) status = List(asker);
  if (request.has_end()) status = End(id, asker, request.end());
  if (!request.has_end() || !status.ok()) Finish(id, status);
  return std::move(pair->first);
}

// The VMM's socket itself is the stream.
UniqueFd HostdSandboxes::Connect(const host::ConnectRequest& request) const {
  if (!IsId(request.id())) return UniqueFd();
  const std::string path = absl::StrCat(sandboxes_, "/", request.id());
  const UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return UniqueFd();
  auto socket = ConnectUnixNow(directory.get(), request.socket() == host::ConnectRequest::CONTROL
                                                    ? kControlSocket
                                                    : kVsockSocket);
  return socket.ok() ? *std::move(socket) : UniqueFd();
}

absl::Status HostdSandboxes::List(Asker& asker) {
  ASSIGN_OR_RETURN(const std::vector<SandboxRecord> living, ListWithoutWaiting(sandboxes_));
  for (const SandboxRecord& record : living) {
    host::HostdReply reply;
    reply.mutable_sandbox()->set_id(record.id);
    reply.mutable_sandbox()->set_record(
        ToJson(record).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    Write(*asker.pump, reply);
  }
  return absl::OkStatus();
}

absl::Status HostdSandboxes::End(uint64_t id, Asker& asker, const host::EndRequest& request) {
  const auto record = IsId(request.id()) ? LivingSandbox(sandboxes_, request.id()) : std::nullopt;
  if (!record.has_value()) {
    return absl::NotFoundError(absl::StrCat("no sandbox '", request.id(), "' runs"));
  }
  const uint64_t patience_ms = std::min(request.patience_ms(), kMaxPatienceMs);
  ASSIGN_OR_RETURN(asker.end,
                   SandboxEnd::Start(loop_, *record, request.orderly(),
                                     absl::Milliseconds(static_cast<int64_t>(patience_ms)),
                                     [this, id](const absl::Status& status) {
                                       loop_.Post([this, id, status] { Finish(id, status); });
                                     }));
  return absl::OkStatus();
}

void HostdSandboxes::Finish(uint64_t id, const absl::Status& status) {
  Asker& asker = askers_.at(id);
  host::HostdReply reply;
  if (status.ok()) {
    reply.mutable_done();
  } else {
    reply.mutable_failure()->set_code(static_cast<int>(status.code()));
    reply.mutable_failure()->set_message(std::string(status.message()));
  }
  Write(*asker.pump, reply);
  asker.finished = true;
  ForgetIfDone(id);
}

void HostdSandboxes::ForgetIfDone(uint64_t id) {
  const auto found = askers_.find(id);
  if (found == askers_.end()) return;
  if (found->second.finished && found->second.pump->IsEmpty()) askers_.erase(found);
}

}  // namespace voidbox
