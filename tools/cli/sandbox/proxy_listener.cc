#include "tools/cli/sandbox/proxy_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

constexpr int kBacklog = 128;

absl::Status Wrong(const std::string& address) {
  return absl::InvalidArgumentError(
      absl::StrCat("--listen '", address, "' is neither unix:PATH nor tcp:127.0.0.1:PORT"));
}

// 127.0.0.0/8 (RFC 1122).
bool IsLoopback(in_addr address) { return ntohl(address.s_addr) >> 24 == 127; }

}  // namespace

absl::StatusOr<ProxyListener> ProxyListener::Open(const std::string& address) {
  ProxyListener listener;
  listener.address_ = address;
  absl::string_view rest = address;
  if (absl::ConsumePrefix(&rest, "unix:") && !rest.empty()) {
    // By its folder, so that the length of the path does not matter.
    std::error_code error;  // a working directory that is gone
    const std::filesystem::path path = std::filesystem::absolute(std::string(rest), error);
    if (error) return ErrnoStatus(std::string(rest), error.value());
    const UniqueFd folder(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return ErrnoStatus(path.parent_path().string());
    auto socket = ListenUnix(folder.get(), path.filename().string());
    if (absl::IsFailedPrecondition(socket.status())) {
      return absl::AlreadyExistsError(
          absl::StrCat(path.string(), " is there already; remove it, or choose another path"));
    }
    RETURN_IF_ERROR(socket.status());
    listener.socket_ = *std::move(socket);
    listener.path_ = path.string();
    return listener;
  }
  if (!absl::ConsumePrefix(&rest, "tcp:")) return Wrong(address);
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos) return Wrong(address);
  const std::string host(rest.substr(0, colon));
  uint32_t port = 0;
  sockaddr_in where = {.sin_family = AF_INET};
  if (!absl::SimpleAtoi(rest.substr(colon + 1), &port) || port > UINT16_MAX ||
      ::inet_pton(AF_INET, host.c_str(), &where.sin_addr) != 1) {
    return Wrong(address);
  }
  if (!IsLoopback(where.sin_addr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen '", address,
                     "': only loopback addresses, since whoever reaches the socket "
                     "reaches the guest"));
  }
  where.sin_port = htons(static_cast<uint16_t>(port));
  listener.socket_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket_) return ErrnoStatus("socket");
  const int on = 1;
  ::setsockopt(listener.socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  socklen_t size = sizeof(where);
  if (::bind(listener.socket_.get(), reinterpret_cast<const sockaddr*>(&where), size) != 0 ||
      ::listen(listener.socket_.get(), kBacklog) != 0 ||
      ::getsockname(listener.socket_.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0) {
    return ErrnoStatus(address);
  }
  listener.address_ = absl::StrCat("tcp:", host, ":", ntohs(where.sin_port));
  return listener;
}

ProxyListener::~ProxyListener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace voidbox
