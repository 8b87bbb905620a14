#include "virtio/vsock/packet.h"

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

constexpr uint64_t kGuestCid = 3;

VsockHeader Good() {
  return {.src_cid = kGuestCid,
          .dst_cid = kVsockHostCid,
          .src_port = 5000,
          .dst_port = 1235,
          .len = 10,
          .op = VIRTIO_VSOCK_OP_RW};
}

PacketVerdict Judge(const VsockHeader& header) {
  return JudgePacket(header, kGuestCid, /*body_bytes=*/10);
}

TEST(PacketTest, HeaderIsThatOfTheSpecification) {
  const VsockHeader header = {.src_cid = 0x0102030405060708,
                              .dst_cid = 0x1112131415161718,
                              .src_port = 0x21222324,
                              .dst_port = 0x31323334,
                              .len = 0x41424344,
                              .type = 0x5152,
                              .op = 0x6162,
                              .flags = 0x71727374,
                              .buf_alloc = 0x01828384,
                              .fwd_cnt = 0x01929394};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_EQ(bytes, std::string("\x08\x07\x06\x05\x04\x03\x02\x01"
                               "\x18\x17\x16\x15\x14\x13\x12\x11"
                               "\x24\x23\x22\x21\x34\x33\x32\x31"
                               "\x44\x43\x42\x41\x52\x51\x62\x61"
                               "\x74\x73\x72\x71\x84\x83\x82\x01\x94\x93\x92\x01"));
}

TEST(PacketTest, DeliversWellFormedPackets) {
  EXPECT_EQ(Judge(Good()), PacketVerdict::kDeliver);
  for (int op = VIRTIO_VSOCK_OP_REQUEST; op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST; ++op) {
    VsockHeader header = Good();
    header.op = static_cast<uint16_t>(op);
    EXPECT_EQ(Judge(header), PacketVerdict::kDeliver) << op;
  }
}

TEST(PacketTest, DropsWhatIsNotFromTheGuest) {
  for (const uint64_t cid :
       {uint64_t{0}, uint64_t{2}, uint64_t{4}, kGuestCid | uint64_t{1} << 32}) {
    VsockHeader header = Good();
    header.src_cid = cid;
    EXPECT_EQ(Judge(header), PacketVerdict::kDrop) << cid;
  }
}

TEST(PacketTest, RefusesOtherDestinations) {
  for (const uint64_t cid : {uint64_t{1}, kGuestCid, kVsockHostCid | uint64_t{1} << 32}) {
    VsockHeader header = Good();
    header.dst_cid = cid;
    EXPECT_EQ(Judge(header), PacketVerdict::kReset) << cid;
  }
}

TEST(PacketTest, RefusesUnknownTypesAndOperations) {
  for (const int type : {0, int{VIRTIO_VSOCK_TYPE_SEQPACKET}, 3, 65535}) {
    VsockHeader header = Good();
    header.type = static_cast<uint16_t>(type);
    EXPECT_EQ(Judge(header), PacketVerdict::kReset) << type;
  }
  for (const int op : {0, 8, 255, 65535}) {
    VsockHeader header = Good();
    header.op = static_cast<uint16_t>(op);
    EXPECT_EQ(Judge(header), PacketVerdict::kReset) << op;
  }
}

TEST(PacketTest, RefusesALengthBeyondTheBody) {
  VsockHeader header = Good();
  header.len = 11;
  EXPECT_EQ(Judge(header), PacketVerdict::kReset);
  header.len = UINT32_MAX;
  EXPECT_EQ(Judge(header), PacketVerdict::kReset);
}

TEST(PacketTest, NeverAnswersAnRst) {
  for (const uint64_t dst_cid : {uint64_t{2}, uint64_t{9}}) {
    for (const uint16_t type : {1, 2, 77}) {
      VsockHeader header = Good();
      header.op = VIRTIO_VSOCK_OP_RST;
      header.dst_cid = dst_cid;
      header.type = type;
      EXPECT_NE(Judge(header), PacketVerdict::kReset);
    }
  }
}

TEST(PacketTest, ResetReplyGoesBackWhereThePacketCameFrom) {
  VsockHeader header = Good();
  header.dst_cid = 77;
  header.type = 9;
  const VsockHeader reply = ResetReply(header);
  EXPECT_EQ(reply.src_cid, 77);
  EXPECT_EQ(reply.dst_cid, kGuestCid);
  EXPECT_EQ(reply.src_port, 1235);
  EXPECT_EQ(reply.dst_port, 5000);
  EXPECT_EQ(reply.type, 9);
  EXPECT_EQ(reply.op, VIRTIO_VSOCK_OP_RST);
  EXPECT_EQ(reply.len, 0);
}

}  // namespace
}  // namespace voidbox
