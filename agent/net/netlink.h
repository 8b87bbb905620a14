#ifndef VOIDBOX_AGENT_NET_NETLINK_H_
#define VOIDBOX_AGENT_NET_NETLINK_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

// The bytes of some netlink(7) messages (linux/netlink.h: a header, the family's fixed struct,
// attributes; each padded to 4 bytes).
class NetlinkBatch {
 public:
  // A message, to which what follows belongs. `what` names it in errors.
  void Begin(absl::string_view what, uint16_t type, uint16_t flags);
  // The fixed struct, as its bytes.
  template <typename Struct>
  void Header(const Struct& header) {
    Put(Bytes(header));
  }
  void Attribute(uint16_t type, absl::string_view bytes);
  template <typename Number>
  void Value(uint16_t type, Number value) {  // in the machine's byte order
    Attribute(type, Bytes(value));
  }
  void BigEndian32(uint16_t type, uint32_t value);
  void Text(uint16_t type, absl::string_view text);  // terminated by a NUL

  // Attributes inside an attribute, while it lives.
  class Nest {
   public:
    Nest(NetlinkBatch& batch, uint16_t type);
    ~Nest();
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;

   private:
    NetlinkBatch& batch_;
    const size_t start_;
  };

  absl::string_view contents() const { return bytes_; }
  // Of the message with this sequence number, which Begin counts from 1.
  absl::string_view Name(uint32_t sequence) const;
  // How many messages want an acknowledgement.
  size_t acknowledged() const { return acknowledged_; }

 private:
  template <typename T>
  static absl::string_view Bytes(const T& value) {
    return {static_cast<const char*>(static_cast<const void*>(&value)), sizeof(value)};
  }
  void Put(absl::string_view bytes);
  void Overwrite(size_t at, absl::string_view bytes);

  std::string bytes_;
  size_t message_ = 0;  // where the last one begins
  size_t acknowledged_ = 0;
  std::vector<std::string> names_;
};

// The kernel answers within the sending system call, so nothing here waits.
class NetlinkSocket {
 public:
  // `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER, ...
  static absl::StatusOr<NetlinkSocket> Open(int protocol);

  // Sends all of it at once. The first error that the kernel names, with the message's name; OK
  // when it acknowledged each message that asks for it.
  absl::Status Commit(const NetlinkBatch& batch);
  // Sends one dump request; `each` is given the payload of every message of the answer.
  absl::Status Dump(const NetlinkBatch& request,
                    const std::function<void(absl::string_view payload)>& each);

 private:
  explicit NetlinkSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  absl::Status Send(const NetlinkBatch& batch);
  // One datagram of the kernel.
  absl::StatusOr<std::string> Receive();

  UniqueFd socket_;
};

// The attributes of a message or a nest: calls `each` with type (flags cut off) and payload, and
// stops at the first that does not fit.
void ForEachAttribute(absl::string_view bytes,
                      const std::function<void(uint16_t, absl::string_view)>& each);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_NETLINK_H_
