#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/block_request.h"
#include "virtio/block/block_workers.h"
#include "virtio/device.h"

namespace voidbox {

// The block device, virtio 1.2 §5.2, with one queue. Reads of bytes that the host has in memory,
// and writes that it takes there, are done at once; everything else by BlockWorkers.
class BlockDevice final : public VirtioDevice {
 public:
  struct Options {
    // What the guest reads as the disk's serial number, at most VIRTIO_BLK_ID_BYTES.
    std::string serial;
    BlockWorkers::Options workers;
  };

  // INVALID_ARGUMENT for a serial that is too long.
  static absl::StatusOr<std::unique_ptr<BlockDevice>> Create(std::unique_ptr<BlockBackend> backend,
                                                             Options options);

  absl::Status Activate(const Activation& activation) override;
  absl::Status HandleNotify(uint16_t queue) override;
  void Reset(const Done& done) override;
  void Quiesce(const Done& done) override;
  void Resume() override { quiet_ = nullptr; }
  absl::StatusOr<std::string> Save() override;
  absl::Status Restore(absl::string_view state) override;

 private:
  BlockDevice(std::unique_ptr<BlockBackend> backend, Options options);

  // Takes one chain; false when there is none.
  absl::StatusOr<bool> TakeRequest();
  void CompleteFinished();
  // The workers have finished something.
  void HandleFinished();
  // Keeps the objects of requests whose queue is no more.
  void Drop(BlockWorkers::Requests& requests);
  void Finish(std::unique_ptr<BlockRequest> request);

  const std::unique_ptr<BlockBackend> backend_;
  BlockLimits limits_;
  Activation activation_;
  Done reset_;                  // to call when the workers are idle, while a reset waits for that
  Done quiet_;                  // the same for Quiesce
  uint64_t cached_budget_ = 0;  // bytes that this turn may still copy by itself
  uint64_t failures_ = 0;       // of the backend
  // Scratch and spare objects, kept so that requests cost no allocation.
  BlockWorkers::Requests batch_;
  BlockWorkers::Requests done_;
  BlockWorkers::Requests spare_;
  BlockWorkers workers_;  // last: its threads use what is above
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_H_
