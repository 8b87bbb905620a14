// The block device, virtio 1.2 §5.2: constants and wire structures.
#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_SPEC_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_SPEC_H_

#include <cstdint>

namespace voidbox {

// Feature bits, §5.2.3.
inline constexpr unsigned VIRTIO_BLK_F_SIZE_MAX = 1;
inline constexpr unsigned VIRTIO_BLK_F_SEG_MAX = 2;
inline constexpr unsigned VIRTIO_BLK_F_RO = 5;
inline constexpr unsigned VIRTIO_BLK_F_BLK_SIZE = 6;
inline constexpr unsigned VIRTIO_BLK_F_FLUSH = 9;
inline constexpr unsigned VIRTIO_BLK_F_DISCARD = 13;
inline constexpr unsigned VIRTIO_BLK_F_WRITE_ZEROES = 14;

// Request types and status bytes, §5.2.6.
inline constexpr uint32_t VIRTIO_BLK_T_IN = 0;
inline constexpr uint32_t VIRTIO_BLK_T_OUT = 1;
inline constexpr uint32_t VIRTIO_BLK_T_FLUSH = 4;
inline constexpr uint32_t VIRTIO_BLK_T_GET_ID = 8;
inline constexpr uint32_t VIRTIO_BLK_T_DISCARD = 11;
inline constexpr uint32_t VIRTIO_BLK_T_WRITE_ZEROES = 13;
inline constexpr uint8_t VIRTIO_BLK_S_OK = 0;
inline constexpr uint8_t VIRTIO_BLK_S_IOERR = 1;
inline constexpr uint8_t VIRTIO_BLK_S_UNSUPP = 2;

inline constexpr uint32_t kSectorBytes = 512;        // §5.2.6: the unit of every sector number
inline constexpr uint32_t VIRTIO_BLK_ID_BYTES = 20;  // §5.2.6.1: what GET_ID gives

// §5.2.6: what a request begins with.
struct VirtioBlkRequestHeader {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
};
static_assert(sizeof(VirtioBlkRequestHeader) == 16);

// §5.2.6: the data of DISCARD and WRITE_ZEROES is an array of these.
struct VirtioBlkDiscardWriteZeroes {
  uint64_t sector;
  uint32_t num_sectors;
  uint32_t flags;
};
static_assert(sizeof(VirtioBlkDiscardWriteZeroes) == 16);
inline constexpr uint32_t VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP = 1;

// §5.2.4: device configuration layout.
struct VirtioBlkConfig {
  uint64_t capacity;  // sectors
  uint32_t size_max;  // bytes
  uint32_t seg_max;
  uint16_t geometry_cylinders;
  uint8_t geometry_heads;
  uint8_t geometry_sectors;
  uint32_t blk_size;  // bytes
  uint8_t topology_physical_block_exp;
  uint8_t topology_alignment_offset;
  uint16_t topology_min_io_size;
  uint32_t topology_opt_io_size;
  uint8_t writeback;
  uint8_t unused0;
  uint16_t num_queues;
  uint32_t max_discard_sectors;
  uint32_t max_discard_seg;
  uint32_t discard_sector_alignment;
  uint32_t max_write_zeroes_sectors;
  uint32_t max_write_zeroes_seg;
  uint8_t write_zeroes_may_unmap;
  uint8_t unused1[7];  // three, and a field of a feature that is not offered
};
static_assert(sizeof(VirtioBlkConfig) == 64);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_SPEC_H_
