#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// A listening socket at `address`: unix:PATH, whose file is removed at the end of this object's
// life, or tcp:ADDRESS:PORT, which is refused unless ADDRESS is a loopback one: whoever reaches the
// socket reaches the guest.
class ProxyListener {
 public:
  static absl::StatusOr<ProxyListener> Open(const std::string& address);
  ProxyListener(ProxyListener&& other) noexcept
      : socket_(std::move(other.socket_)),
        address_(std::move(other.address_)),
        path_(std::exchange(other.path_, "")) {}
  ProxyListener& operator=(ProxyListener&&) = delete;
  ~ProxyListener();

  // With the port that was chosen for port 0.
  const std::string& address() const { return address_; }
  // Once: the socket, to accept from. The file stays as long as this object.
  UniqueFd TakeSocket() { return std::move(socket_); }

 private:
  ProxyListener() = default;

  UniqueFd socket_;
  std::string address_;
  std::string path_;  // of the file to remove
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_
