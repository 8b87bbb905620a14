#include "agent/vsock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

// virtio 1.2 §5.10.4 and linux/vm_sockets.h
constexpr uint32_t kHypervisorCid = 0, kLocalCid = 1, kHostCid = 2, kGuestCid = 3;
constexpr uint32_t kAnyCid = UINT32_MAX;

// Over a unix socket, whose streams are said to come from the CID that the test names.
class VsockListenerTest : public ::testing::Test {
 protected:
  VsockListenerTest() {
    loop_ = EventLoop::Create().value();
    path_ = absl::StrCat("vsock-test-", ::getpid());
    directory_.Reset(::open(::testing::TempDir().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ::unlinkat(directory_.get(), path_.c_str(), 0);
    auto accept = [this](int socket, uint32_t& peer_cid) -> absl::StatusOr<UniqueFd> {
      ++accepts_;
      if (accept_error_ != 0) return ErrnoStatus("accept", std::exchange(accept_error_, 0));
      peer_cid = peer_cid_;
      return AcceptUnix(socket);
    };
    listener_ = VsockListener::CreateOn(*loop_, ListenUnix(directory_.get(), path_).value(), accept,
                                        [this](UniqueFd stream) {
                                          EXPECT_THAT(WriteAll(stream.get(), "served"), IsOk());
                                          ++served_;
                                        })
                    .value();
  }
  ~VsockListenerTest() override { ::unlinkat(directory_.get(), path_.c_str(), 0); }

  // Connects from a CID, and returns what comes until the stream's end.
  std::string Call(uint32_t cid) {
    peer_cid_ = cid;
    const UniqueFd client = ConnectUnix(directory_.get(), path_).value();
    EXPECT_EQ(::fcntl(client.get(), F_SETFL, 0), 0);  // blocking
    const int goal = accepts_ + (accept_error_ != 0 ? 2 : 1);
    while (accepts_ < goal) EXPECT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
    std::string text(64, '\0');
    const auto size = ReadUpTo(client.get(), text.data(), text.size());
    EXPECT_THAT(size, IsOk());
    text.resize(size.value_or(0));
    return text;
  }

  std::unique_ptr<EventLoop> loop_;
  UniqueFd directory_;
  std::string path_;
  uint32_t peer_cid_ = 0;
  int accept_error_ = 0;  // of the next accept
  int accepts_ = 0;
  int served_ = 0;
  std::unique_ptr<VsockListener> listener_;
};

TEST_F(VsockListenerTest, ServesTheHost) {
  EXPECT_EQ(Call(kHostCid), "served");
  EXPECT_EQ(served_, 1);
}

TEST_F(VsockListenerTest, ClosesStreamsOfEverybodyElseUnserved) {
  // A process of the guest reaches its agent by the loopback (CID 1) or the guest's own CID, where
  // the kernel has it.
  for (const uint32_t cid : {kHypervisorCid, kLocalCid, kGuestCid, kHostCid + 256, kAnyCid}) {
    EXPECT_EQ(Call(cid), "") << cid;
  }
  EXPECT_EQ(served_, 0);
  EXPECT_EQ(Call(kHostCid), "served");
}

TEST_F(VsockListenerTest, AcceptingThatFailsIsTriedAgain) {
  for (const int error : {ENOMEM, EMFILE, ENFILE}) {
    accept_error_ = error;
    EXPECT_EQ(Call(kHostCid), "served") << error;
  }
}

}  // namespace
}  // namespace voidbox
