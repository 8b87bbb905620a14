#include "base/loopback.h"

#include <net/if.h>
#include <sys/socket.h>

#include "base/errno_status.h"
#include "base/ioctl.h"
#include "base/unique_fd.h"

namespace voidbox {

absl::Status BringUpLoopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoStatus("socket(AF_INET)");
  ifreq request = {.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {.ifru_flags = IFF_UP}};
  return Ioctl(socket.get(), SIOCSIFFLAGS, "SIOCSIFFLAGS of lo", &request).status();
}

}  // namespace voidbox
