#ifndef VOIDBOX_DEVICES_IO_BUS_H_
#define VOIDBOX_DEVICES_IO_BUS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Something the guest reaches by port or memory-mapped I/O. Called by vCPU threads, several at
// once. Accesses are of 1, 2, 4 or 8 bytes, little-endian, and lie inside the handler's range.
class IoHandler {
 public:
  virtual ~IoHandler() = default;
  virtual void Read(uint64_t offset, std::span<std::byte> out) = 0;
  virtual void Write(uint64_t offset, std::span<const std::byte> in) = 0;
};

// One address space: I/O ports or guest-physical memory outside RAM. Add while no vCPU runs; Read
// and Write from any thread.
class IoBus {
 public:
  // `handler` outlives the bus. INVALID_ARGUMENT when the range is empty or wraps, ALREADY_EXISTS
  // when it overlaps another.
  absl::Status Add(absl::string_view name, uint64_t base, uint64_t size, IoHandler& handler);

  // Where nobody answers, or an access straddles the end of a range, reads are all ones and writes
  // are lost, as on a bus without a device.
  void Read(uint64_t address, std::span<std::byte> out) const;
  void Write(uint64_t address, std::span<const std::byte> in) const;

 private:
  struct Range {
    uint64_t size;
    IoHandler* handler;
    absl::string_view name;
  };
  struct Target {
    IoHandler* handler;
    uint64_t offset;
  };
  Target Find(uint64_t address, size_t length) const;

  std::map<uint64_t, Range> ranges_;  // by base
};

}  // namespace voidbox

#endif  // VOIDBOX_DEVICES_IO_BUS_H_
