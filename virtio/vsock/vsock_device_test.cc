#include "virtio/vsock/vsock_device.h"

#include <sys/socket.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "virtio/vsock/vsock_device_fixture.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class VsockDeviceTest : public VsockDeviceFixture {};

// --- Opening

TEST_F(VsockDeviceTest, CarriesBytesBothWaysForAHostClient) {
  Start();
  UniqueFd host = Connect();
  Write(host, "CONNECT 1234\n");
  const VsockHeader request = NextPacket().header;
  EXPECT_EQ(request.op, VIRTIO_VSOCK_OP_REQUEST);
  EXPECT_EQ(request.src_cid, kVsockHostCid);
  EXPECT_EQ(request.dst_cid, FakeVsockGuest::kCid);
  EXPECT_EQ(request.dst_port, 1234);
  EXPECT_GE(request.src_port, 1u << 30);
  EXPECT_EQ(request.type, VIRTIO_VSOCK_TYPE_STREAM);
  EXPECT_EQ(request.buf_alloc, kInitialBufferBytes);
  EXPECT_EQ(request.fwd_cnt, 0);

  const VsockPorts ports = {.host = request.src_port, .guest = 1234};
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, ports), IsOk());
  ExpectReceived(host, absl::StrCat("OK ", ports.host, "\n"));
  Write(host, "to the guest");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, ports).body, "to the guest");
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, ports, "to the host"), IsOk());
  ExpectReceived(host, "to the host");
}

TEST_F(VsockDeviceTest, ClosesTheClientThatTheGuestRefuses) {
  Start();
  UniqueFd host = Connect();
  Write(host, "CONNECT 99\n");
  const VsockHeader request = NextPacket().header;
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, {.host = request.src_port, .guest = 99}), IsOk());
  ExpectEndOfStream(host);
  EXPECT_EQ(device_->connection_count(), 0);
  ExpectNoPacket();
}

TEST_F(VsockDeviceTest, ClientsWaitUntilTheDriverIsReady) {
  MakeDevice();
  UniqueFd host = Connect();
  Write(host, "CONNECT 7\n");
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  ASSERT_THAT(guest_->Start(), IsOk());
  EXPECT_EQ(NextPacket().header.dst_port, 7);
}

TEST_F(VsockDeviceTest, ReadsAConnectLineThatComesByteByByte) {
  Start();
  UniqueFd host = Connect();
  for (const char byte : std::string("CONNECT 4294967295\n")) {
    Settle();
    Write(host, std::string(1, byte));
  }
  EXPECT_EQ(NextPacket().header.dst_port, 4294967295u);
}

TEST_F(VsockDeviceTest, BytesBehindTheConnectLineBelongToTheStream) {
  Start();
  UniqueFd host = Connect();
  // The first read takes 32 bytes, the line and a part of the stream.
  Write(host, "CONNECT 1234\nthe stream begins here and goes on");
  const VsockHeader request = NextPacket().header;
  const VsockPorts ports = {.host = request.src_port, .guest = 1234};
  ExpectNoPacket();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, ports), IsOk());
  const std::string expected = "the stream begins here and goes on";
  EXPECT_EQ(ExpectData(ports, expected.size()), expected);
}

TEST_F(VsockDeviceTest, GuestConnectsToAHostListener) {
  Start();
  UniqueFd listener = ListenUnix(AT_FDCWD, "vsock.sock_1235").value();
  const VsockPorts ports = {.host = 1235, .guest = 5000};
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_REQUEST, ports), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RESPONSE, ports);
  UniqueFd host = AcceptUnix(listener.get()).value();
  ASSERT_TRUE(host);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, ports, "ready"), IsOk());
  ExpectReceived(host, "ready");
  Write(host, "go on");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, ports).body, "go on");
}

TEST_F(VsockDeviceTest, RefusesTheGuestWhereNobodyListens) {
  Start();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_REQUEST, {.host = 1235, .guest = 5000}), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RST, {.host = 1235, .guest = 5000});
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceTest, RefusesAGuestCidThatIsReserved) {
  for (const uint64_t cid : {uint64_t{0}, uint64_t{2}, uint64_t{UINT32_MAX}, uint64_t{1} << 32}) {
    EXPECT_THAT(
        VsockDevice::Create({.guest_cid = cid}, *loop_),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(absl::StrCat("guest CID ", cid))));
  }
  MakeDevice({.guest_cid = UINT32_MAX - 1});
  EXPECT_EQ(device_->identity().config, std::string("\xfe\xff\xff\xff\0\0\0\0", 8));
}

TEST_F(VsockDeviceTest, TakesThePlaceOfALeftOverSocket) {
  MakeDevice();
  ASSERT_EQ(::rename("vsock.sock", "old"), 0);
  device_.reset();
  ASSERT_EQ(::rename("old", "vsock.sock"), 0);
  Start();
  Open();
}

// --- Closing

TEST_F(VsockDeviceTest, HostHalfCloseLeavesTheOtherDirectionOpen) {
  Start();
  Stream stream = Open();
  Write(stream.host, "last");
  ASSERT_EQ(::shutdown(stream.host.get(), SHUT_WR), 0);
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, stream.ports).body, "last");
  ExpectPacket(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, VIRTIO_VSOCK_SHUTDOWN_F_SEND);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "answer"), IsOk());
  ExpectReceived(stream.host, "answer");
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", kVsockShutdownBoth), IsOk());
  ExpectEndOfStream(stream.host);
  ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceTest, GuestHalfCloseLeavesTheOtherDirectionOpen) {
  Start();
  Stream stream = Open();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "last"), IsOk());
  ASSERT_THAT(
      guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", VIRTIO_VSOCK_SHUTDOWN_F_SEND),
      IsOk());
  ExpectReceived(stream.host, "last");
  ExpectEndOfStream(stream.host);
  Write(stream.host, "answer");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, stream.ports).body, "answer");
  stream.host.Reset();
  ExpectPacket(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, kVsockShutdownBoth);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, stream.ports), IsOk());
  EXPECT_EQ(device_->connection_count(), 0);
  ExpectNoPacket();
}

TEST_F(VsockDeviceTest, GuestThatReadsNoMoreStopsTheHost) {
  Start();
  Stream stream = Open();
  ASSERT_THAT(
      guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE),
      IsOk());
  EXPECT_EQ(::send(stream.host.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "still sending"), IsOk());
  ExpectReceived(stream.host, "still sending");
}

TEST_F(VsockDeviceTest, WhatTheHostSentBeforeItClosedReachesTheGuest) {
  Start();
  Stream stream = Open();
  const std::string data(100 << 10, 'd');
  Write(stream.host, data);
  stream.host.Reset();
  EXPECT_EQ(ExpectData(stream.ports, data.size()), data);
  ExpectPacket(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, kVsockShutdownBoth);
}

TEST_F(VsockDeviceTest, WhatTheGuestSentBeforeItClosedReachesTheHost) {
  Start();
  Stream stream = Open();
  const std::string sent = FillHostSocket(stream);
  RunUntil([&] {
    return guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", kVsockShutdownBoth).ok();
  });
  ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);  // at once, though the host has not read
  EXPECT_EQ(device_->connection_count(), 1);
  RunUntil([&] { return ReadAvailable(stream.host); });
  EXPECT_EQ(received_, sent);
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceTest, ClientThatGivesUpWhileTheGuestThinksIsForgotten) {
  Start();
  UniqueFd host = Connect();
  Write(host, "CONNECT 1234\n");
  const VsockHeader request = NextPacket().header;
  const VsockPorts ports = {.host = request.src_port, .guest = 1234};
  host.Reset();
  ExpectPacket(VIRTIO_VSOCK_OP_RST, ports);
  EXPECT_EQ(device_->connection_count(), 0);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, ports), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RST, ports);
}

TEST_F(VsockDeviceTest, ForcesTheEndWhenTheGuestDoesNotAnswerIt) {
  Start({.tick = absl::Milliseconds(1)});
  Stream stream = Open();
  stream.host.Reset();
  ExpectPacket(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, kVsockShutdownBoth);
  ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);
  EXPECT_EQ(device_->connection_count(), 0);
}

// --- Flow control

TEST_F(VsockDeviceTest, StopsAtTheGuestsCreditAndGoesOnWithMore) {
  Start();
  guest_->buf_alloc = 10000;
  Stream stream = Open();
  const std::string data(25000, 'x');
  Write(stream.host, data);
  EXPECT_EQ(ExpectData(stream.ports, 10000).size(), 10000);
  ExpectNoPacket();
  VsockHeader update = guest_->Header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, stream.ports);
  update.fwd_cnt = 7000;
  guest_->Put(update);
  ASSERT_THAT(guest_->Notify(), IsOk());
  EXPECT_EQ(ExpectData(stream.ports, 7000).size(), 7000);
  ExpectNoPacket();
  update.fwd_cnt = 17000;
  guest_->Put(update);
  ASSERT_THAT(guest_->Notify(), IsOk());
  EXPECT_EQ(ExpectData(stream.ports, 8000).size(), 8000);
}

TEST_F(VsockDeviceTest, AsksForCreditOnceWhenItIsLongWithout) {
  Start({.tick = absl::Milliseconds(1)});
  guest_->buf_alloc = 100;
  Stream stream = Open();
  Write(stream.host, std::string(300, 'x'));
  EXPECT_EQ(ExpectData(stream.ports, 100).size(), 100);
  ExpectPacket(VIRTIO_VSOCK_OP_CREDIT_REQUEST, stream.ports);
  ExpectNoPacket();
}

TEST_F(VsockDeviceTest, AnswersACreditRequest) {
  Start();
  Stream stream = Open();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "12345"), IsOk());
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_CREDIT_REQUEST, stream.ports), IsOk());
  const VsockHeader update = ExpectPacket(VIRTIO_VSOCK_OP_CREDIT_UPDATE, stream.ports).header;
  EXPECT_EQ(update.fwd_cnt, 5);
  EXPECT_EQ(update.buf_alloc, kInitialBufferBytes);
}

TEST_F(VsockDeviceTest, WidensTheWindowWhileTheHostKeepsUp) {
  Start();
  guest_->buf_alloc = 4 << 20;
  Stream stream = Open();
  uint32_t window = kInitialBufferBytes;
  const std::string body(FakeVsockGuest::kLargestBody, 'w');
  for (int i = 0; i < 2000 && window < kLargestBufferBytes; ++i) {
    RunUntil([&] { return guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, body).ok(); });
    ReadAvailable(stream.host);
    guest_->Poll();
    for (const VsockPacket& packet : guest_->inbox()) window = packet.header.buf_alloc;
    guest_->inbox().clear();
  }
  EXPECT_EQ(window, kLargestBufferBytes);
}

TEST_F(VsockDeviceTest, HoldsTheDataOfAHostThatDoesNotRead) {
  Start();
  Stream stream = Open();
  const std::string sent = FillHostSocket(stream);
  ASSERT_GT(sent.size(), kInitialBufferBytes);
  ASSERT_LT(sent.size(), 4 << 20);
  ExpectNoPacket();
  // Now the host reads: everything comes, and the guest gets its window back.
  RunUntil([&] {
    ReadAvailable(stream.host);
    return received_.size() >= sent.size();
  });
  EXPECT_EQ(received_, sent);
  const VsockHeader update = ExpectPacket(VIRTIO_VSOCK_OP_CREDIT_UPDATE, stream.ports).header;
  EXPECT_GE(update.fwd_cnt + update.buf_alloc - sent.size(), update.buf_alloc / 2);
}

// --- The receive queue

TEST_F(VsockDeviceTest, GoesOnWhenTheDriverPostsBuffersAgain) {
  MakeDevice();
  ASSERT_THAT(guest_->Start(/*receive_buffers=*/false), IsOk());
  UniqueFd host = Connect();
  Write(host, "CONNECT 1234\n");
  Settle();
  EXPECT_EQ(device_->connection_count(), 1);
  guest_->PostReceiveBuffers();
  const VsockPorts ports = {.host = NextPacket().header.src_port, .guest = 1234};
  guest_->StopPosting();
  guest_->buf_alloc = 1 << 20;
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, ports), IsOk());
  ExpectReceived(host, absl::StrCat("OK ", ports.host, "\n"));

  // More than all the buffers hold.
  std::string sent;
  const std::string piece(10000, 'p');
  for (;;) {
    Settle();
    if (::send(host.get(), piece.data(), piece.size(), MSG_NOSIGNAL) != piece.size()) break;
    sent += piece;
  }
  ASSERT_EQ(guest_->rx().free(), FakeVsockGuest::kQueueSize);
  guest_->PostReceiveBuffers();
  EXPECT_EQ(ExpectData(ports, sent.size()).substr(0, sent.size()), sent);
}

TEST_F(VsockDeviceTest, ReturnsReceiveBuffersThatAreTooSmall) {
  MakeDevice();
  ASSERT_THAT(guest_->Start(/*receive_buffers=*/false), IsOk());
  UniqueFd host = Connect();
  Write(host, "CONNECT 1234\n");
  Settle();
  guest_->PostReceiveBuffer(1);
  guest_->PostReceiveBuffer(43);
  guest_->PostReceiveBuffer(44);
  ASSERT_THAT(device_->HandleNotify(0), IsOk());
  const VsockPorts ports = {.host = NextPacket().header.src_port, .guest = 1234};
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, ports), IsOk());
  Write(host, "abcdef");
  Settle();
  for (const uint32_t bytes : {47, 44, 20, 45, 46}) guest_->PostReceiveBuffer(bytes);
  ASSERT_THAT(device_->HandleNotify(0), IsOk());
  Settle();
  ASSERT_EQ(guest_->inbox().size(), 3);
  EXPECT_EQ(ExpectData(ports, 6), "abcdef");
}

// --- Economy

TEST_F(VsockDeviceTest, CompletedSendsAloneDoNotInterruptAtOnce) {
  Start();
  Stream stream = Open();
  Settle();
  RunUntil([&] { return guest_->tx().free() == FakeVsockGuest::kQueueSize; });
  const int before = guest_->interrupts();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "x"), IsOk());
  EXPECT_EQ(guest_->interrupts(), before);
  RunUntil([&] { return guest_->tx().free() == FakeVsockGuest::kQueueSize; });
  EXPECT_EQ(guest_->interrupts(), before + 1);
}

// --- Save, restore, reset

TEST_F(VsockDeviceTest, ResetClosesEverythingAndTheDeviceStartsAgain) {
  Start();
  Stream first = Open();
  UniqueFd waiting = Connect();
  Settle();
  guest_->Stop();
  EXPECT_EQ(device_->connection_count(), 0);
  EXPECT_EQ(::recv(first.host.get(), received_.data(), 0, 0), 0);
  EXPECT_TRUE(ReadAvailable(first.host));
  EXPECT_TRUE(ReadAvailable(waiting));
  ASSERT_THAT(guest_->Start(), IsOk());
  Stream second = Open();
  Write(second.host, "again");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, second.ports).body, "again");
}

TEST_F(VsockDeviceTest, RestoreTellsTheGuestThatItsConnectionsAreGone) {
  Start();
  Open();
  const absl::StatusOr<std::string> state = device_->Save();
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(device_->connection_count(), 1);  // the original goes on
  guest_.reset();
  device_.reset();

  Start();
  ASSERT_THAT(device_->Restore(*state), IsOk());
  Settle();
  EXPECT_EQ(guest_->events(), 0);  // no buffer yet
  guest_->PostEventBuffers();
  RunUntil([&] { return guest_->events() > 0; });
  Settle();
  EXPECT_EQ(guest_->events(), 1);
}

TEST_F(VsockDeviceTest, AQuiescedDeviceKeepsWhatTheHostSendsForLater) {
  Start();
  Stream stream = Open();
  bool quiet = false;
  device_->Quiesce([&quiet] { quiet = true; });
  EXPECT_TRUE(quiet);
  const int interrupts = guest_->interrupts();
  Write(stream.host, "for later");
  UniqueFd waiting = Connect();
  Settle();
  EXPECT_EQ(guest_->interrupts(), interrupts);
  EXPECT_TRUE(guest_->inbox().empty());
  device_->Resume();
  ASSERT_THAT(device_->HandleNotify(0), IsOk());
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, stream.ports).body, "for later");
}

TEST_F(VsockDeviceTest, RestoreRefusesAForeignState) {
  Start();
  for (const absl::string_view state : {"", "vsock 2", "vsock 1 and more"}) {
    EXPECT_THAT(device_->Restore(state),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version 1")));
  }
}

}  // namespace
}  // namespace voidbox
