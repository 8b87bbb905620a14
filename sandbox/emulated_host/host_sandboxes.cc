#include "sandbox/emulated_host/host_sandboxes.h"

#include <fcntl.h>

#include <optional>
#include <utility>

#include "base/errno_status.h"
#include "base/frame.h"
#include "base/status_macros.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/living_sandboxes.h"

namespace voidbox {
namespace {

// The next reply of hostd, for as long as it takes: a guest may take its time to end.
absl::StatusOr<host::HostdReply> NextReply(const UniqueFd& stream) {
  host::HostdReply reply;
  const absl::Status read = ReadFrame(stream.get(), reply);
  if (absl::IsOutOfRange(read)) return absl::UnavailableError("the emulated KVM host has ended");
  RETURN_IF_ERROR(read);
  if (!reply.has_failure()) return reply;
  return absl::Status(static_cast<absl::StatusCode>(reply.failure().code()),
                      reply.failure().message());
}

absl::StatusOr<UniqueFd> Ask(const std::string& home, const host::HostdRequest& request) {
  ASSIGN_OR_RETURN(UniqueFd stream, AskHostd(home, request));
  if (::fcntl(stream.get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  return stream;
}

}  // namespace

absl::StatusOr<std::vector<SandboxRecord>> ListHostSandboxes(const std::string& home) {
  host::HostdRequest request;
  request.mutable_list();
  ASSIGN_OR_RETURN(const UniqueFd stream, Ask(home, request));
  std::vector<SandboxRecord> records;
  for (;;) {
    ASSIGN_OR_RETURN(const host::HostdReply reply, NextReply(stream));
    if (!reply.has_sandbox()) return records;
    std::optional<SandboxRecord> record =
        ParseSandboxRecord(reply.sandbox().id(), reply.sandbox().record());
    if (!record.has_value()) continue;
    record->lives = true;
    records.push_back(*std::move(record));
  }
}

absl::StatusOr<UniqueFd> ConnectToHostSandbox(const std::string& home, const std::string& id,
                                              const std::string& socket) {
  host::HostdRequest request;
  request.mutable_connect()->set_id(id);
  request.mutable_connect()->set_socket(socket == kControlSocket ? host::ConnectRequest::CONTROL
                                                                 : host::ConnectRequest::VSOCK);
  return AskHostd(home, request);
}

absl::Status EndHostSandbox(const std::string& home, const std::string& id, bool orderly,
                            absl::Duration patience) {
  host::HostdRequest request;
  request.mutable_end()->set_id(id);
  request.mutable_end()->set_orderly(orderly);
  request.mutable_end()->set_patience_ms(
      static_cast<uint64_t>(absl::ToInt64Milliseconds(patience)));
  ASSIGN_OR_RETURN(const UniqueFd stream, Ask(home, request));
  return NextReply(stream).status();
}

}  // namespace voidbox
