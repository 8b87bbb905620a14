#ifndef VOIDBOX_TOOLS_BENCH_BULK_TRANSFER_H_
#define VOIDBOX_TOOLS_BENCH_BULK_TRANSFER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "tools/bench/bulk_data.h"
#include "tools/bench/running_vm.h"

namespace voidbox::bench {

// Bulk transfers over plain vsock streams between this process and the program guest_vsock.cc in a
// guest, which the initramfs `bench_vsock.cpio` has.

// Starts the guest's end; it serves as long as the call that is returned is open.
absl::StatusOr<UniqueFd> StartBulkServer(const RunningVm& vm);

// Returns MB/s, from the first byte to the receiver's answer (to the guest) or the last byte (to
// the host).
absl::StatusOr<double> TransferBulk(const RunningVm& vm, BulkOperation operation, uint64_t blocks,
                                    bool checked);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_BULK_TRANSFER_H_
