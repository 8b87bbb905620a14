// Long transfers through the device, both directions, with a host program on a thread of its own.
#include <sys/socket.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "virtio/vsock/vsock_device.h"
#include "virtio/vsock/vsock_device_fixture.h"

namespace voidbox {
namespace {

constexpr size_t kBulkBytes = 64 << 20;

// A stream of bytes that shows every loss, repetition and exchange: a counter, and its checksum.
class Pattern {
 public:
  void Fill(std::span<char> out) {
    for (char& byte : out) byte = Next();
  }
  // Whether `bytes` are the next ones.
  bool Matches(absl::string_view bytes) {
    for (const char byte : bytes) {
      if (byte != Next()) return false;
    }
    return true;
  }

 private:
  char Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<char>(state_ >> 56);
  }
  uint64_t state_ = 1;
};

class VsockBulkTest : public VsockDeviceFixture {
 protected:
  static void MakeBlocking(const UniqueFd& fd) { ASSERT_EQ(::fcntl(fd.get(), F_SETFL, 0), 0); }
};

TEST_F(VsockBulkTest, CarriesSixtyFourMebibytesToTheGuest) {
  Start();
  guest_->buf_alloc = 256 << 10;
  Stream stream = Open();
  MakeBlocking(stream.host);
  std::thread writer([&stream] {
    Pattern pattern;
    std::vector<char> piece(100000);
    for (size_t done = 0; done < kBulkBytes; done += piece.size()) {
      piece.resize(std::min(piece.size(), kBulkBytes - done));
      pattern.Fill(std::span(piece));
      ASSERT_TRUE(WriteAll(stream.host.get(), {piece.data(), piece.size()}).ok());
    }
    ASSERT_EQ(::shutdown(stream.host.get(), SHUT_WR), 0);
  });
  Pattern pattern;
  size_t received = 0;
  uint32_t told = 0;
  for (bool ended = false; !ended && !HasFailure();) {
    const VsockPacket packet = NextPacket();
    if (packet.header.op == VIRTIO_VSOCK_OP_SHUTDOWN) {
      ended = true;
    } else if (packet.header.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
      told = 0;  // the test is slow: say it again
    } else {
      ASSERT_EQ(packet.header.op, VIRTIO_VSOCK_OP_RW);
      ASSERT_TRUE(pattern.Matches(packet.body));
      received += packet.body.size();
      ASSERT_LE(received - told, guest_->buf_alloc);
    }
    if (received - told > 192 << 10 || told == 0) {
      told = static_cast<uint32_t>(received);
      VsockHeader update = guest_->Header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, stream.ports);
      update.fwd_cnt = told;
      ASSERT_TRUE(guest_->Put(update));
      ASSERT_THAT(guest_->Notify(), IsOk());
    }
  }
  writer.join();
  EXPECT_EQ(received, kBulkBytes);
}

// Like Linux, the guest sends no more ahead than it would itself receive.
TEST_F(VsockBulkTest, CarriesSixtyFourMebibytesToTheHost) {
  Start();
  guest_->buf_alloc = 100 << 10;
  Stream stream = Open();
  MakeBlocking(stream.host);
  size_t received = 0;
  bool correct = true;
  std::thread reader([&] {
    Pattern pattern;
    std::vector<char> piece(100000);
    for (;;) {
      const ssize_t got = ::recv(stream.host.get(), piece.data(), piece.size(), 0);
      if (got <= 0) break;
      received += got;
      correct = correct && pattern.Matches({piece.data(), static_cast<size_t>(got)});
    }
  });
  Pattern pattern;
  SendCredit credit = {.buf_alloc = kInitialBufferBytes};
  std::string body;
  for (size_t sent = 0; sent < kBulkBytes && !HasFailure();) {
    body.resize(std::min<size_t>(FakeVsockGuest::kLargestBody, kBulkBytes - sent));
    RunUntil([&] {
      for (const VsockPacket& packet : guest_->inbox()) {
        credit.buf_alloc = std::min(packet.header.buf_alloc, guest_->buf_alloc);
        credit.fwd_cnt = packet.header.fwd_cnt;
      }
      guest_->inbox().clear();
      return credit.Free() >= body.size() && guest_->CanPut();
    });
    pattern.Fill(std::span(body));
    ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, body), IsOk());
    credit.tx_cnt += static_cast<uint32_t>(body.size());
    sent += body.size();
  }
  RunUntil([&] {
    return guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", kVsockShutdownBoth).ok();
  });
  RunUntil([&] { return device_->connection_count() == 0; });
  reader.join();
  EXPECT_EQ(received, kBulkBytes);
  EXPECT_TRUE(correct);
}

}  // namespace
}  // namespace voidbox
