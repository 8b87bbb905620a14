// Constants and wire structures of the Virtual I/O Device specification 1.2 that every device
// needs. Names are the specification's; feature constants are bit numbers.
#ifndef VOIDBOX_VIRTIO_SPEC_H_
#define VOIDBOX_VIRTIO_SPEC_H_

#include <bit>
#include <cstdint>

namespace voidbox {

// All wire structures are little-endian (virtio 1.2 §1.4), and so are the hosts.
static_assert(std::endian::native == std::endian::little);

// The mask of a feature bit.
constexpr uint64_t FeatureMask(unsigned bit) { return uint64_t{1} << bit; }

// Device types, §5.
inline constexpr uint32_t VIRTIO_ID_NET = 1;
inline constexpr uint32_t VIRTIO_ID_BLOCK = 2;
inline constexpr uint32_t VIRTIO_ID_RNG = 4;
inline constexpr uint32_t VIRTIO_ID_BALLOON = 5;
inline constexpr uint32_t VIRTIO_ID_VSOCK = 19;
inline constexpr uint32_t VIRTIO_ID_FS = 26;

// Device status field, §2.1.
inline constexpr uint32_t VIRTIO_STATUS_ACKNOWLEDGE = 1;
inline constexpr uint32_t VIRTIO_STATUS_DRIVER = 2;
inline constexpr uint32_t VIRTIO_STATUS_DRIVER_OK = 4;
inline constexpr uint32_t VIRTIO_STATUS_FEATURES_OK = 8;
inline constexpr uint32_t VIRTIO_STATUS_DEVICE_NEEDS_RESET = 64;
inline constexpr uint32_t VIRTIO_STATUS_FAILED = 128;

// Reserved feature bits, §6.
inline constexpr unsigned VIRTIO_F_INDIRECT_DESC = 28;
inline constexpr unsigned VIRTIO_F_EVENT_IDX = 29;
inline constexpr unsigned VIRTIO_F_VERSION_1 = 32;

// §2.7.5: one entry of the descriptor table or of an indirect table.
struct VirtqDescriptor {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(VirtqDescriptor) == 16);
inline constexpr uint16_t VIRTQ_DESC_F_NEXT = 1;
inline constexpr uint16_t VIRTQ_DESC_F_WRITE = 2;
inline constexpr uint16_t VIRTQ_DESC_F_INDIRECT = 4;

// §2.7.6: the available ring is le16 flags, le16 idx, le16 ring[size], le16 used_event.
inline constexpr uint16_t VIRTQ_AVAIL_F_NO_INTERRUPT = 1;
constexpr uint64_t AvailableRingBytes(uint16_t size) { return 6 + uint64_t{2} * size; }

// §2.7.8: the used ring is le16 flags, le16 idx, VirtqUsedElement ring[size], le16 avail_event.
struct VirtqUsedElement {
  uint32_t id;
  uint32_t len;
};
static_assert(sizeof(VirtqUsedElement) == 8);
inline constexpr uint16_t VIRTQ_USED_F_NO_NOTIFY = 1;
constexpr uint64_t UsedRingBytes(uint16_t size) { return 6 + uint64_t{8} * size; }

// §2.7: alignment of the three parts of a split virtqueue.
inline constexpr uint64_t kDescriptorTableAlignment = 16;
inline constexpr uint64_t kAvailableRingAlignment = 2;
inline constexpr uint64_t kUsedRingAlignment = 4;

// virtio-mmio registers, §4.2.2: offsets in the region. All are 32 bits wide; R, W or both.
inline constexpr uint32_t VIRTIO_MMIO_MAGIC_VALUE = 0x000;          // R
inline constexpr uint32_t VIRTIO_MMIO_VERSION = 0x004;              // R
inline constexpr uint32_t VIRTIO_MMIO_DEVICE_ID = 0x008;            // R
inline constexpr uint32_t VIRTIO_MMIO_VENDOR_ID = 0x00c;            // R
inline constexpr uint32_t VIRTIO_MMIO_DEVICE_FEATURES = 0x010;      // R
inline constexpr uint32_t VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014;  // W
inline constexpr uint32_t VIRTIO_MMIO_DRIVER_FEATURES = 0x020;      // W
inline constexpr uint32_t VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024;  // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_SEL = 0x030;            // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_NUM_MAX = 0x034;        // R
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_NUM = 0x038;            // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_READY = 0x044;          // RW
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_NOTIFY = 0x050;         // W
inline constexpr uint32_t VIRTIO_MMIO_INTERRUPT_STATUS = 0x060;     // R
inline constexpr uint32_t VIRTIO_MMIO_INTERRUPT_ACK = 0x064;        // W
inline constexpr uint32_t VIRTIO_MMIO_STATUS = 0x070;               // RW
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DESC_LOW = 0x080;       // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DESC_HIGH = 0x084;      // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DRIVER_LOW = 0x090;     // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DRIVER_HIGH = 0x094;    // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DEVICE_LOW = 0x0a0;     // W
inline constexpr uint32_t VIRTIO_MMIO_QUEUE_DEVICE_HIGH = 0x0a4;    // W
inline constexpr uint32_t VIRTIO_MMIO_SHM_SEL = 0x0ac;              // W
inline constexpr uint32_t VIRTIO_MMIO_SHM_LEN_LOW = 0x0b0;          // R
inline constexpr uint32_t VIRTIO_MMIO_SHM_LEN_HIGH = 0x0b4;         // R
inline constexpr uint32_t VIRTIO_MMIO_SHM_BASE_LOW = 0x0b8;         // R
inline constexpr uint32_t VIRTIO_MMIO_SHM_BASE_HIGH = 0x0bc;        // R
inline constexpr uint32_t VIRTIO_MMIO_CONFIG_GENERATION = 0x0fc;    // R
inline constexpr uint32_t VIRTIO_MMIO_CONFIG = 0x100;               // RW, any width

inline constexpr uint32_t VIRTIO_MMIO_MAGIC = 0x74726976;  // "virt"

// InterruptStatus and InterruptACK, §4.2.2.
inline constexpr uint32_t VIRTIO_MMIO_INT_VRING = 1;
inline constexpr uint32_t VIRTIO_MMIO_INT_CONFIG = 2;

// §2.7.10.1: whether moving an index from `old_index` to `new_index` passes `event`.
constexpr bool EventPassed(uint16_t event, uint16_t new_index, uint16_t old_index) {
  return static_cast<uint16_t>(new_index - event - 1) <
         static_cast<uint16_t>(new_index - old_index);
}

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_SPEC_H_
