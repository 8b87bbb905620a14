// A file call: the request and all that the host sends after it.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include "agent/agent.pb.h"
#include "agent/files/file_worker.h"
#include "base/check.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// What the worker says must be frames.
void TakeFrames(int stream) {
  for (;;) {
    agent::ServerFrame frame;
    const absl::Status status = ReadFrame(stream, frame);
    if (absl::IsOutOfRange(status)) return;
    // A socket that was closed with bytes unread says so first.
    if (!status.ok() && status.message().find("reset") != std::string::npos) return;
    Check(status.ok(), "the worker's frames parse and are whole");
  }
}

// The first two bytes are the request's length.
void RunCall(const uint8_t* data, size_t size) {
  if (size < 2) return;
  ::signal(SIGPIPE, SIG_IGN);
  const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
  agent::Request request;
  if (!request.ParseFromArray(data + 2, static_cast<int>(length))) return;
  const std::string rest(data + 2 + length, data + size);
  const auto base = std::filesystem::temp_directory_path() / "voidbox-fuzz.XXXXXX";
  std::string outside = base.string();
  Check(::mkdtemp(outside.data()) != nullptr, "there is a directory");
  const std::string directory = outside + "/workspace";
  std::filesystem::create_directories(directory + "/d/e");
  Check(WriteFileAtomically(outside + "/secret", "secret").ok(), "there is a secret");
  Check(WriteFileAtomically(directory + "/d/f", "f").ok(), "there is a file");
  Check(::symlink("..", (directory + "/up").c_str()) == 0, "there is a way out");

  int pair[2];
  Check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "there is a socket");
  UniqueFd host(pair[1]);
  std::thread worker([&, fd = pair[0]] {
    const UniqueFd stream(fd);
    const UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    static_cast<void>(ServeFileCall(root.get(), request, stream.get()));
  });
  static_cast<void>(WriteAll(host.get(), rest));
  ::shutdown(host.get(), SHUT_WR);
  TakeFrames(host.get());
  worker.join();
  const auto secret = ReadFile(outside + "/secret");
  Check(secret.ok() && *secret == "secret", "what is outside stays as it is");
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(outside)) ++entries;
  Check(entries == 2, "nothing is made outside");
  std::filesystem::remove_all(outside);
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunCall(data, size);
  return 0;
}
