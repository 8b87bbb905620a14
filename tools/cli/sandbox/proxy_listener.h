#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// A listening socket at `address`: unix:PATH, whose file is removed at the end of this object's
// life, or tcp:ADDRESS:PORT, which is refused unless ADDRESS is a loopback one: whoever reaches the
// socket reaches the guest.
class ProxyListener {
 public:
  static absl::StatusOr<ProxyListener> Open(const std::string& address);
  ProxyListener(ProxyListener&& other) noexcept = default;
  ProxyListener& operator=(ProxyListener&&) = delete;
  ~ProxyListener();

  int fd() const { return socket_.get(); }
  // With the port that was chosen for port 0.
  const std::string& address() const { return address_; }
  // The next client, non-blocking; none when none waits.
  absl::StatusOr<UniqueFd> Accept() const;

 private:
  ProxyListener() = default;

  UniqueFd socket_;
  std::string address_;
  std::string path_;  // of the file to remove
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_LISTENER_H_
