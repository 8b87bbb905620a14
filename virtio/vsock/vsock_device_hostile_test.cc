// What a hostile or broken guest and hostile host programs may do to the vsock device.
#include <sys/resource.h>
#include <sys/socket.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "virtio/vsock/vsock_device.h"
#include "virtio/vsock/vsock_device_fixture.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr VsockPorts kNowhere = {.host = 777, .guest = 888};

class VsockDeviceHostileTest : public VsockDeviceFixture {
 protected:
  // A bad packet on an open stream breaks that stream: RST to the guest, end for the host.
  void ExpectBreaks(const VsockHeader& header, absl::string_view body, const Stream& stream) {
    ASSERT_TRUE(guest_->Put(header, body));
    ASSERT_THAT(guest_->Notify(), IsOk());
    ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);
    ExpectEndOfStream(stream.host);
    EXPECT_EQ(device_->connection_count(), 0);
  }
};

// --- The guest's packets

TEST_F(VsockDeviceHostileTest, LengthBeyondTheBodyBreaksTheStream) {
  Start();
  for (const uint32_t length : {11u, 65536u, 0x80000000u, UINT32_MAX}) {
    const Stream stream = Open();
    VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RW, stream.ports);
    header.len = length;
    ExpectBreaks(header, "ten bytes.", stream);
  }
}

TEST_F(VsockDeviceHostileTest, UnknownOperationBreaksTheStream) {
  Start();
  for (const int op : {0, 8, 65535}) {
    const Stream stream = Open();
    ExpectBreaks(guest_->Header(static_cast<VsockOp>(op), stream.ports), "", stream);
  }
}

TEST_F(VsockDeviceHostileTest, RequestForAnOpenStreamBreaksIt) {
  Start();
  const Stream stream = Open();
  ExpectBreaks(guest_->Header(VIRTIO_VSOCK_OP_REQUEST, stream.ports), "", stream);
}

TEST_F(VsockDeviceHostileTest, ResponseThatNobodyAskedForBreaksTheStream) {
  Start();
  const Stream stream = Open();
  ExpectBreaks(guest_->Header(VIRTIO_VSOCK_OP_RESPONSE, stream.ports), "", stream);
}

TEST_F(VsockDeviceHostileTest, DataBeforeTheResponseBreaksTheStream) {
  Start();
  Stream stream = {.host = Connect()};
  Write(stream.host, "CONNECT 1234\n");
  stream.ports = {.host = NextPacket().header.src_port, .guest = 1234};
  VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RW, stream.ports);
  header.len = 1;
  ExpectBreaks(header, "x", stream);
}

TEST_F(VsockDeviceHostileTest, ResponseBeforeTheRequestWasDeliveredBreaksTheStream) {
  MakeDevice();
  ASSERT_THAT(guest_->Start(/*receive_buffers=*/false), IsOk());
  Stream stream = {.host = Connect()};
  Write(stream.host, "CONNECT 1234\n");
  Settle();
  stream.ports = {.host = 1u << 30, .guest = 1234};  // guessed
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, stream.ports), IsOk());
  guest_->PostReceiveBuffers();
  ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);
  ExpectEndOfStream(stream.host);
}

TEST_F(VsockDeviceHostileTest, DataAfterItsOwnHalfCloseBreaksTheStream) {
  Start();
  const Stream stream = Open();
  ASSERT_THAT(
      guest_->Send(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, "", VIRTIO_VSOCK_SHUTDOWN_F_SEND),
      IsOk());
  VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RW, stream.ports);
  header.len = 1;
  ExpectBreaks(header, "x", stream);
}

TEST_F(VsockDeviceHostileTest, DataForNoConnectionIsReset) {
  Start();
  Stream stream = Open();
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, stream.ports), IsOk());
  ExpectEndOfStream(stream.host);
  for (const VsockPorts ports : {stream.ports, kNowhere}) {
    for (const VsockOp op : {VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_SHUTDOWN,
                             VIRTIO_VSOCK_OP_CREDIT_UPDATE}) {
      ASSERT_THAT(guest_->Send(op, ports), IsOk());
      ExpectPacket(VIRTIO_VSOCK_OP_RST, ports);
    }
    ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, ports), IsOk());
    ExpectNoPacket();
  }
}

TEST_F(VsockDeviceHostileTest, ForeignSourceCidIsIgnored) {
  Start();
  const Stream stream = Open();
  for (const uint64_t cid :
       {uint64_t{0}, uint64_t{2}, uint64_t{4}, uint64_t{3} | uint64_t{1} << 32}) {
    VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RST, stream.ports);
    header.src_cid = cid;
    ASSERT_TRUE(guest_->Put(header));
    header.op = VIRTIO_VSOCK_OP_REQUEST;
    ASSERT_TRUE(guest_->Put(header));
  }
  ASSERT_THAT(guest_->Notify(), IsOk());
  ExpectNoPacket();
  EXPECT_EQ(device_->connection_count(), 1);
}

TEST_F(VsockDeviceHostileTest, ForeignDestinationIsResetFromThere) {
  Start();
  Stream stream = Open();
  for (const uint64_t cid :
       {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{2} | uint64_t{1} << 32}) {
    VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_REQUEST, stream.ports);
    header.dst_cid = cid;
    ASSERT_TRUE(guest_->Put(header));
    ASSERT_THAT(guest_->Notify(), IsOk());
    const VsockHeader reset = NextPacket().header;
    EXPECT_EQ(reset.op, VIRTIO_VSOCK_OP_RST);
    EXPECT_EQ(reset.src_cid, cid);
  }
  Write(stream.host, "untouched");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, stream.ports).body, "untouched");
}

TEST_F(VsockDeviceHostileTest, PieceOfAHeaderIsIgnored) {
  Start();
  const Stream stream = Open();
  for (const uint32_t bytes : {1, 24, 43}) {
    guest_->PutPieceOfHeader(guest_->Header(VIRTIO_VSOCK_OP_RST, stream.ports), bytes);
  }
  ASSERT_THAT(guest_->Notify(), IsOk());
  ExpectNoPacket();
  EXPECT_EQ(device_->connection_count(), 1);
}

TEST_F(VsockDeviceHostileTest, PacketForAClientThatIsStillIntroducingItselfIsReset) {
  Start();
  UniqueFd silent = Connect();
  Settle();
  ASSERT_EQ(device_->connection_count(), 1);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, {.host = 0, .guest = 0}, "x"), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RST, {.host = 0, .guest = 0});
  EXPECT_EQ(device_->connection_count(), 1);
}

TEST_F(VsockDeviceHostileTest, BrokenRingBreaksTheDeviceUntilReset) {
  Start();
  Stream stream = Open();
  guest_->tx().SetAvailableIndex(guest_->tx().available_index() + 1000);
  EXPECT_THAT(device_->HandleNotify(1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("jumped 1000 ahead")));
  EXPECT_THAT(device_->HandleNotify(0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("jumped 1000 ahead")));
  EXPECT_EQ(device_->connection_count(), 0);
  EXPECT_TRUE(ReadAvailable(stream.host));
  guest_->Stop();
  ASSERT_THAT(guest_->Start(), IsOk());
  Open();
}

TEST_F(VsockDeviceHostileTest, BrokenReceiveRingIsFoundByAHostsEventToo) {
  Start();
  Stream stream = Open();
  guest_->StopPosting();
  guest_->rx().SetAvailableIndex(guest_->rx().available_index() + 1000);
  const std::string data(300 << 10, 'x');  // needs more than what was posted before
  ::send(stream.host.get(), data.data(), data.size(), MSG_NOSIGNAL);
  RunUntil([&] {
    guest_->inbox().clear();
    return device_->connection_count() == 0;
  });
  EXPECT_THAT(guest_->failure(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("jumped")));
}

// --- Credit lies

TEST_F(VsockDeviceHostileTest, MoreThanItsCreditBreaksTheStream) {
  Start();
  const Stream stream = Open();
  FillHostSocket(stream);
  VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RW, stream.ports);
  header.len = 1;
  RunUntil([&] { return guest_->Put(header, "x"); });
  ASSERT_THAT(guest_->Notify(), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RST, stream.ports);
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceHostileTest, OnePacketBeyondTheWindowBreaksTheStream) {
  MakeDevice();
  // One chain whose many buffers are the same memory, to be larger than the window.
  ASSERT_THAT(guest_->Start(), IsOk());
  const Stream stream = Open();
  VsockHeader header = guest_->Header(VIRTIO_VSOCK_OP_RW, stream.ports);
  header.len = kInitialBufferBytes + 1;
  const GuestAddress place = {0x80000};
  RunUntil([&] { return guest_->tx().free() == FakeVsockGuest::kQueueSize; });
  ASSERT_THAT(guest_->ram().memory().WriteObject(place, header), IsOk());
  std::vector<GuestBuffer> buffers = {{.address = place, .bytes = sizeof(header)}};
  for (int i = 0; i < 9; ++i) buffers.push_back({.address = {0x90000}, .bytes = 8192});
  guest_->tx().Offer(buffers);
  ASSERT_THAT(device_->HandleNotify(1), IsOk());
  RunUntil([&] { return guest_->rx().used_index() >= 2; });
  ASSERT_TRUE(ReadAvailable(stream.host));
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceHostileTest, ForwardCounterThatJumpsAheadStarvesTheGuestOnly) {
  Start();
  guest_->buf_alloc = 1000;
  Stream liar = Open();
  Stream other = Open();
  VsockHeader lie = guest_->Header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, liar.ports);
  lie.fwd_cnt = 5000;  // of 0 bytes sent
  ASSERT_TRUE(guest_->Put(lie));
  ASSERT_THAT(guest_->Notify(), IsOk());
  Write(liar.host, "never");
  Write(other.host, "arrives");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, other.ports).body, "arrives");
  ExpectNoPacket();
}

TEST_F(VsockDeviceHostileTest, LargestWindowIsBoundedByTheBuffersPosted) {
  Start();
  guest_->buf_alloc = UINT32_MAX;
  Stream stream = Open();
  VsockHeader update = guest_->Header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, stream.ports);
  update.fwd_cnt = UINT32_MAX;
  ASSERT_TRUE(guest_->Put(update));
  update.fwd_cnt = 0;
  ASSERT_TRUE(guest_->Put(update));
  ASSERT_THAT(guest_->Notify(), IsOk());
  const std::string data(150 << 10, 'x');
  Write(stream.host, data);
  EXPECT_EQ(ExpectData(stream.ports, data.size()), data);
}

// --- Refusals

TEST_F(VsockDeviceHostileTest, FloodWithoutReceiveBuffersIsHeldBackAndAnsweredLater) {
  MakeDevice();
  ASSERT_THAT(guest_->Start(/*receive_buffers=*/false), IsOk());
  int sent = 0;
  for (; sent < 2000; ++sent) {
    const VsockPorts ports = {.host = 777, .guest = static_cast<uint32_t>(sent)};
    if (!guest_->Send(VIRTIO_VSOCK_OP_RW, ports).ok()) {
      Settle();
      RunUntil([&, done = false]() mutable { return std::exchange(done, true); });
      if (!guest_->Send(VIRTIO_VSOCK_OP_RW, ports).ok()) break;
    }
  }
  ASSERT_LT(sent, 2000);  // the device takes no more
  guest_->PostReceiveBuffers();
  for (uint32_t i = 0; i < static_cast<uint32_t>(sent) && !HasFatalFailure(); ++i) {
    ExpectPacket(VIRTIO_VSOCK_OP_RST, {.host = 777, .guest = i});
  }
  Open();
}

// --- Many connections

TEST_F(VsockDeviceHostileTest, ServesAThousandConnectionsAndRefusesBeyondTheLimit) {
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr size_t kLimit = 1000;
  Start({.max_connections = kLimit});
  UniqueFd listener = ListenUnix(AT_FDCWD, "vsock.sock_1235").value();
  std::vector<Stream> streams;
  while (streams.size() < kLimit) streams.push_back(Open());
  EXPECT_EQ(device_->connection_count(), kLimit);

  UniqueFd refused = Connect();
  ExpectEndOfStream(refused);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_REQUEST, {.host = 1235, .guest = 1}), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_RST, {.host = 1235, .guest = 1});

  // All at once, each gets its own.
  for (const Stream& stream : streams) Write(stream.host, absl::StrCat("to ", stream.ports.host));
  for (size_t i = 0; i < kLimit && !HasFatalFailure(); ++i) {
    const VsockPacket packet = NextPacket();
    ASSERT_EQ(packet.header.op, VIRTIO_VSOCK_OP_RW);
    EXPECT_EQ(packet.body, absl::StrCat("to ", packet.header.src_port));
    const VsockPorts ports = {.host = packet.header.src_port, .guest = packet.header.dst_port};
    RunUntil([&] {
      return guest_->Send(VIRTIO_VSOCK_OP_RW, ports, absl::StrCat("from ", ports.host)).ok();
    });
  }
  for (const Stream& stream : streams) {
    ExpectReceived(stream.host, absl::StrCat("from ", stream.ports.host));
  }

  streams.pop_back();  // makes room
  const VsockPacket shutdown = NextPacket();
  ASSERT_EQ(shutdown.header.op, VIRTIO_VSOCK_OP_SHUTDOWN);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST,
                           {.host = shutdown.header.src_port, .guest = shutdown.header.dst_port}),
              IsOk());
  streams.push_back(Open());
  streams.clear();
  Settle();
}

TEST_F(VsockDeviceHostileTest, GreedyStreamDoesNotStarveAnother) {
  Start();
  guest_->buf_alloc = UINT32_MAX;
  Stream greedy = Open();
  Stream modest = Open();
  const std::string data(64 << 10, 'g');
  bool greedy_full = false;
  int packets = 0;
  Write(greedy.host, data);
  Write(modest.host, "me too");
  RunUntil([&] {
    // The greedy one always has more.
    greedy_full = ::send(greedy.host.get(), data.data(), data.size(), MSG_NOSIGNAL) < 0;
    while (!guest_->inbox().empty()) {
      const VsockPacket packet = std::move(guest_->inbox().front());
      guest_->inbox().pop_front();
      ++packets;
      if (packet.header.src_port == modest.ports.host) return true;
    }
    return false;
  });
  EXPECT_LT(packets, 1000);
}

// --- Host programs

TEST_F(VsockDeviceHostileTest, DropsClientsThatSayGarbage) {
  Start();
  Stream other = Open();
  for (const std::string& line :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("CONNECT x\n"), std::string(4096, 'C'),
        "CONNECT " + std::string(100, ' '), std::string(64, '\0')}) {
    UniqueFd client = Connect();
    Write(client, line);
    RunUntil([&] { return ReadAvailable(client); });
    EXPECT_EQ(received_, "");
  }
  EXPECT_EQ(device_->connection_count(), 1);
  ExpectNoPacket();
  Write(other.host, "fine");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, other.ports).body, "fine");
}

TEST_F(VsockDeviceHostileTest, DropsClientsThatSayNothing) {
  Start({.tick = absl::Milliseconds(1)});
  UniqueFd silent = Connect();
  UniqueFd slow = Connect();
  Write(slow, "CONNECT 12");
  ExpectEndOfStream(silent);
  ExpectEndOfStream(slow);
  UniqueFd gone = Connect();
  Settle();
  EXPECT_EQ(device_->connection_count(), 1);
  gone.Reset();
  Settle();
  EXPECT_EQ(device_->connection_count(), 0);
  ExpectNoPacket();
}

TEST_F(VsockDeviceHostileTest, SurvivesClientsThatComeAndGo) {
  Start();
  for (int i = 0; i < 500; ++i) {
    UniqueFd client = Connect();
    if (i % 2 == 0) Write(client, "CONNECT 1234\n");
    if (i % 50 == 0) Settle();
  }
  // Clients are served in the order in which they came.
  UniqueFd last = Connect();
  Write(last, "CONNECT 4321\n");
  RunUntil(
      [&] { return !guest_->inbox().empty() && guest_->inbox().back().header.dst_port == 4321; });
  EXPECT_EQ(guest_->inbox().back().header.op, VIRTIO_VSOCK_OP_REQUEST);
  Settle();
  EXPECT_EQ(device_->connection_count(), 1);
}

TEST_F(VsockDeviceHostileTest, HostThatLeavesMidwayEndsTheStream) {
  Start();
  Stream stream = Open();
  FillHostSocket(stream);
  stream.host.Reset();  // with unread bytes: the guest's are lost
  const VsockHeader header = NextPacket().header;
  EXPECT_TRUE(header.op == VIRTIO_VSOCK_OP_RST || header.op == VIRTIO_VSOCK_OP_SHUTDOWN)
      << header.op;
  if (header.op == VIRTIO_VSOCK_OP_SHUTDOWN) {
    ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, stream.ports), IsOk());
  }
  EXPECT_EQ(device_->connection_count(), 0);
}

TEST_F(VsockDeviceHostileTest, HostThatReadsNoMoreStopsTheGuest) {
  Start();
  Stream stream = Open();
  ASSERT_EQ(::shutdown(stream.host.get(), SHUT_RD), 0);
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, "lost"), IsOk());
  ExpectPacket(VIRTIO_VSOCK_OP_SHUTDOWN, stream.ports, VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE);
  Write(stream.host, "still sending");
  EXPECT_EQ(ExpectPacket(VIRTIO_VSOCK_OP_RW, stream.ports).body, "still sending");
}

TEST_F(VsockDeviceHostileTest, WaitsWithoutSpinningWhenDescriptorsRunOut) {
  Start({.tick = absl::Hours(1)});
  Stream stream = Open();
  UniqueFd waiting = Connect();
  Write(waiting, "CONNECT 1234\n");
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = static_cast<rlim_t>(waiting.get()), .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Settle();
  EXPECT_EQ(device_->connection_count(), 1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  // Not looked at again, though the listening socket is still readable...
  Settle();
  EXPECT_EQ(device_->connection_count(), 1);
  // ... until a connection has ended.
  ASSERT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RST, stream.ports), IsOk());
  EXPECT_EQ(NextPacket().header.op, VIRTIO_VSOCK_OP_REQUEST);
}

TEST_F(VsockDeviceHostileTest, WaitsForDescriptorsByTheClockToo) {
  Start({.tick = absl::Milliseconds(1)});
  UniqueFd waiting = Connect();
  Write(waiting, "CONNECT 1234\n");
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = static_cast<rlim_t>(waiting.get()), .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Settle();
  EXPECT_EQ(device_->connection_count(), 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(NextPacket().header.op, VIRTIO_VSOCK_OP_REQUEST);
}

}  // namespace
}  // namespace voidbox
