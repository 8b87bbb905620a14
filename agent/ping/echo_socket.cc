#include "agent/ping/echo_socket.h"

#include <netinet/in.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::Status SetOption(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof(value)) == 0) return absl::OkStatus();
  return ErrnoStatus("setsockopt");
}

// The hop limit, of either family.
uint32_t HopLimit(msghdr& message) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    const bool is_it = (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TTL) ||
                       (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_HOPLIMIT);
    uint32_t value = 0;
    if (!is_it || item->cmsg_len < CMSG_LEN(sizeof(value))) continue;
    std::memcpy(&value, CMSG_DATA(item), sizeof(value));
    return value;
  }
  return 0;
}

}  // namespace

absl::StatusOr<EchoSocket> EchoSocket::Open(const IpAddress& address, uint32_t hop_limit) {
  constexpr int kType = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int protocol = address.is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  UniqueFd fd(::socket(address.family(), kType, protocol));
  if (!fd && (errno == EACCES || errno == EPERM)) {
    return absl::PermissionDeniedError(
        "no group of this process is within net.ipv4.ping_group_range");
  }
  if (!fd) return ErrnoStatus("socket");
  EchoSocket socket(std::move(fd));
  socket.SetAddress(address);
  RETURN_IF_ERROR(socket.SetOptions(address.family(), hop_limit));
  return socket;
}

void EchoSocket::SetAddress(const IpAddress& address) {
  address_.ss_family = static_cast<sa_family_t>(address.family());
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address_);
    std::memcpy(&v4.sin_addr, address.bytes.data(), sizeof(v4.sin_addr));
    address_size_ = sizeof(v4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address_);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), sizeof(v6.sin6_addr));
    address_size_ = sizeof(v6);
  }
}

absl::Status EchoSocket::SetOptions(int family, uint32_t hop_limit) const {
  const bool is_v4 = family == AF_INET;
  const int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
  RETURN_IF_ERROR(SetOption(fd(), level, is_v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1));
  if (hop_limit == 0) return absl::OkStatus();
  return SetOption(fd(), level, is_v4 ? IP_TTL : IPV6_UNICAST_HOPS, static_cast<int>(hop_limit));
}

absl::Status EchoSocket::Send(absl::string_view message) const {
  const auto* const address = reinterpret_cast<const sockaddr*>(&address_);
  const ssize_t sent =
      ::sendto(fd(), message.data(), message.size(), MSG_NOSIGNAL, address, address_size_);
  return sent < 0 ? ErrnoStatus("sendto") : absl::OkStatus();
}

absl::StatusOr<std::optional<EchoSocket::Message>> EchoSocket::Receive(size_t max_bytes) const {
  Message message = {.bytes = std::string(max_bytes, '\0')};
  std::array<char, 64> control;
  iovec part = {message.bytes.data(), message.bytes.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(fd(), &header, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<Message>();
  if (got < 0) return ErrnoStatus("recvmsg");
  message.bytes.resize(static_cast<size_t>(got));
  message.hop_limit = HopLimit(header);
  return std::optional(std::move(message));
}

}  // namespace voidbox
