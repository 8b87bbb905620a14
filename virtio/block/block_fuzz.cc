#include <memory>
#include <string>

#include "virtio/block/block_device.h"
#include "virtio/block/memory_disk.h"
#include "virtio/testing/device_script.h"

// The first byte chooses the kind of disk, the rest is the script. An access beyond the disk's end
// aborts.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t kind = data[0];
  voidbox::RunDeviceScript(
      [kind](voidbox::EventLoop&) -> std::unique_ptr<voidbox::VirtioDevice> {
        auto disk = std::make_unique<voidbox::MemoryDisk>(std::string(16 << 10, 'd'),
                                                          /*read_only=*/(kind & 1) != 0);
        disk->SetCached((kind & 2) != 0);
        disk->AbortBeyondEnd();
        // Without threads, runs are repeatable.
        return *voidbox::BlockDevice::Create(std::move(disk), {.workers = {.max_threads = 0}});
      },
      {data + 1, size - 1});
  return 0;
}
