// vsock_client CID PORT: in a guest, sends a request to a vsock port and says what came of it: the
// name of the errno that refused it, or how many bytes answered.
#include <sys/socket.h>
// After sys/socket.h, whose types it needs.
#include <linux/vm_sockets.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  sockaddr_vm address = {};
  address.svm_family = AF_VSOCK;
  address.svm_cid = static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10));
  address.svm_port = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  const int fd = ::socket(AF_VSOCK, SOCK_STREAM, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    std::puts(::strerrorname_np(errno));
    return 1;
  }
  // A HealthRequest for the one port, a request line for the other.
  static constexpr char kFrame[] = "\2\0\0\0\22\0";
  static constexpr char kHttp[] = "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n";
  const bool http = address.svm_port == 8080;
  ::send(fd, http ? kHttp : kFrame, http ? sizeof(kHttp) - 1 : sizeof(kFrame) - 1, MSG_NOSIGNAL);
  long total = 0;
  char bytes[512];
  for (ssize_t got; (got = ::read(fd, bytes, sizeof(bytes))) > 0;) total += got;
  std::printf("%ld bytes\n", total);
  return 0;
}
