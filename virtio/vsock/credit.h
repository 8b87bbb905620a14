#ifndef VOIDBOX_VIRTIO_VSOCK_CREDIT_H_
#define VOIDBOX_VIRTIO_VSOCK_CREDIT_H_

#include <algorithm>
#include <cstdint>

namespace voidbox {

// Flow control of one connection, virtio 1.2 §5.10.6.3. All counters are modulo 2^32.

// What the guest lets us send. The guest may lie; it then starves or drowns itself only.
struct SendCredit {
  uint32_t buf_alloc = 0;  // as the guest said last
  uint32_t fwd_cnt = 0;    // as the guest said last
  uint32_t tx_cnt = 0;     // bytes sent to the guest

  // Bytes that may be sent now.
  uint32_t Free() const {
    const uint32_t in_flight = tx_cnt - fwd_cnt;
    return in_flight < buf_alloc ? buf_alloc - in_flight : 0;
  }
};

// What we let the guest send.
struct ReceiveCredit {
  uint32_t buf_alloc = 0;     // the most we hold for the connection
  uint32_t rx_cnt = 0;        // bytes received from the guest
  uint32_t fwd_cnt = 0;       // bytes of them passed on
  uint32_t told_fwd_cnt = 0;  // fwd_cnt in the last packet sent to the guest

  // Bytes held: received and not passed on.
  uint32_t held() const { return rx_cnt - fwd_cnt; }
  // Bytes that the guest may still send as far as it knows.
  uint32_t GuestView() const { return buf_alloc - (rx_cnt - told_fwd_cnt); }
  bool Admits(uint32_t length) const { return length <= GuestView(); }
  // Whether the guest should hear of passed-on bytes though nothing else is sent to it: when it has
  // used half of the room that it knows of. Sooner costs an interrupt each time; later makes it
  // wait. A guest may leave more than `sender_limit` bytes of its window unused: Linux sends no
  // more ahead than it would itself receive.
  bool UpdateDue(uint32_t sender_limit) const {
    return fwd_cnt != told_fwd_cnt && rx_cnt - told_fwd_cnt > std::min(buf_alloc, sender_limit) / 2;
  }
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_CREDIT_H_
