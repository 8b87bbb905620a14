#ifndef VOIDBOX_TOOLS_BENCH_DISK_GUEST_H_
#define VOIDBOX_TOOLS_BENCH_DISK_GUEST_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// The guest in which disks are measured: fio(1) with the libraries it is linked to, BusyBox, and a
// script as /sbin/init. The script runs fio on the second disk, one job after the other, prints a
// line for each and one that ends them, and waits to be killed.

// The jobs, in the order in which they run: each reads or writes kDiskBytes in pieces of 4 KiB,
// one at a time, past the guest's page cache, every piece once. So the first that writes is the
// first to write a piece, and the last writes over what is written.
inline constexpr std::array<const char*, 4> kDiskJobs = {"seq_read", "rand_read", "seq_write",
                                                         "rand_write"};
inline constexpr uint64_t kDiskRequestBytes = 4096;
inline constexpr uint64_t kDiskBytes = 4 << 20;
// For fio's libraries, of 80 MB.
inline constexpr uint64_t kDiskGuestMemoryMib = 256;
// What the script prints last.
inline constexpr char kDiskGuestEnd[] = "bench-disk-end";

// Makes the guest's root file system and returns its path. FAILED_PRECONDITION, with the package's
// name, when this machine has no fio or no BusyBox.
absl::StatusOr<std::string> MakeDiskGuest(const Stage& stage);
// Makes an image of kDiskBytes, none of them zero, and returns its path.
absl::StatusOr<std::string> MakeDataDisk(const Stage& stage);

// Requests a second of each job, from all that the guest printed. DATA_LOSS, with what it printed,
// when a job is missing, failed or did not transfer all of its bytes.
absl::StatusOr<std::array<double, kDiskJobs.size()>> ParseDiskRates(absl::string_view console);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_DISK_GUEST_H_
