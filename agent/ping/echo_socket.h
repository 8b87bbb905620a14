#ifndef VOIDBOX_AGENT_PING_ECHO_SOCKET_H_
#define VOIDBOX_AGENT_PING_ECHO_SOCKET_H_

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/net/ip_range.h"
#include "base/unique_fd.h"

namespace voidbox {

// A ping socket: sends echo messages to one address, and hears their replies alone. Needs no
// privilege, but a group of the process within net.ipv4.ping_group_range, which holds for IPv6
// too.
class EchoSocket {
 public:
  // `hop_limit` 0 is the kernel's.
  static absl::StatusOr<EchoSocket> Open(const IpAddress& address, uint32_t hop_limit);

  struct Message {
    std::string bytes;
    uint32_t hop_limit = 0;  // what was left of it
  };

  absl::Status Send(absl::string_view message) const;
  // Never waits; nothing when nothing is there.
  absl::StatusOr<std::optional<Message>> Receive(size_t max_bytes) const;
  int fd() const { return socket_.get(); }

 private:
  explicit EchoSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  void SetAddress(const IpAddress& address);
  absl::Status SetOptions(int family, uint32_t hop_limit) const;

  UniqueFd socket_;
  sockaddr_storage address_ = {};
  socklen_t address_size_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PING_ECHO_SOCKET_H_
