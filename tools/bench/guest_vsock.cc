// bench-vsock PORT: the guest's end of `bench vsock`. Says "listening" on its standard output, then
// serves one transfer a connection, one after the other.
#include <sys/socket.h>
// After sys/socket.h, whose types it needs.
#include <linux/vm_sockets.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "tools/bench/bulk_stream.h"

namespace voidbox::bench {
namespace {

absl::StatusOr<UniqueFd> Listen(uint32_t port) {
  UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoStatus("socket(AF_VSOCK)");
  sockaddr_vm address = {};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), 1) != 0) {
    return ErrnoStatus(absl::StrCat("listen on vsock port ", port));
  }
  return socket;
}

absl::Status ServeOne(int stream) {
  ASSIGN_OR_RETURN(const BulkRequest request, ReceiveRequest(stream));
  const bool checked = request.checked != 0;
  if (request.operation == BulkOperation::kToGuest) {
    ASSIGN_OR_RETURN(const BulkReply reply, ReceiveBlocks(stream, request.blocks, checked));
    return SendReply(stream, reply);
  }
  if (request.operation == BulkOperation::kToHost) {
    ASSIGN_OR_RETURN(const BulkReply reply, SendBlocks(stream, request.blocks, checked));
    return SendReply(stream, reply);
  }
  return absl::InvalidArgumentError("unknown operation");
}

absl::Status Serve(int argc, char** argv) {
  uint32_t port = 0;
  if (argc != 2 || !absl::SimpleAtoi(argv[1], &port)) {
    return absl::InvalidArgumentError("usage: bench-vsock PORT");
  }
  ASSIGN_OR_RETURN(const UniqueFd listener, Listen(port));
  RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, "listening\n"));
  for (;;) {
    const UniqueFd stream(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!stream) return ErrnoStatus("accept");
    const absl::Status status = ServeOne(stream.get());
    if (!status.ok()) LogError(status.message());
  }
}

}  // namespace
}  // namespace voidbox::bench

int main(int argc, char** argv) {
  voidbox::SetLogTarget(STDERR_FILENO, "bench-vsock");
  voidbox::LogError(voidbox::bench::Serve(argc, argv).message());
  return 1;
}
