#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<sockaddr_un> AddressOf(int directory, const std::string& name) {
  const std::string path =
      directory == AT_FDCWD ? name : absl::StrCat("/proc/self/fd/", directory, "/", name);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket name ", name, " is longer than ",
                     sizeof(address.sun_path) - (path.size() - name.size()) - 1, " bytes"));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

absl::StatusOr<UniqueFd> NewSocket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus("socket");
  return fd;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // what POSIX asks for
}

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(int directory, const std::string& name, int backlog) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(directory, name));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  if (::bind(fd.get(), Generic(address), sizeof(address)) != 0) {
    return ErrnoStatus(absl::StrCat("bind ", name));
  }
  if (::listen(fd.get(), backlog) != 0) return ErrnoStatus(absl::StrCat("listen ", name));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(int directory, const std::string& name) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(directory, name));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  // A local connect waits only when the listener's backlog is full, and then it should: the socket
  // becomes non-blocking afterwards.
  if (::fcntl(fd.get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  while (::connect(fd.get(), Generic(address), sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ECONNREFUSED) {
      return absl::UnavailableError(absl::StrCat("connect ", name, ": nobody listens"));
    }
    return ErrnoStatus(absl::StrCat("connect ", name));
  }
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnixNow(int directory, const std::string& name) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(directory, name));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  if (::connect(fd.get(), Generic(address), sizeof(address)) != 0) {
    if (errno == ECONNREFUSED || errno == EAGAIN) {
      return absl::UnavailableError(absl::StrCat(
          "connect ", name, errno == EAGAIN ? ": the backlog is full" : ": nobody listens"));
    }
    return ErrnoStatus(absl::StrCat("connect ", name));
  }
  return fd;
}

absl::StatusOr<UniqueFd> AcceptUnix(int listener) {
  for (;;) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) return fd;
    if (errno == EAGAIN || errno == ECONNABORTED) return UniqueFd();
    if (errno != EINTR) return ErrnoStatus("accept");
  }
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> UnixSocketPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
    return ErrnoStatus("socketpair");
  }
  return std::make_pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

}  // namespace voidbox
