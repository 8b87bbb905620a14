#ifndef VOIDBOX_TOOLS_BENCH_FILES_BENCH_H_
#define VOIDBOX_TOOLS_BENCH_FILES_BENCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/running_vm.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// Of the guest: the tree is in its root file system, which is half of its memory.
inline constexpr uint64_t kFilesGuestMemoryMib = 1024;

// Megabytes (10^6 bytes) a second, each as many bytes.
struct FilesResult {
  uint64_t bytes = 0;
  int rounds = 0;
  std::vector<double> to_guest;  // raw vsock
  std::vector<double> to_host;
  std::vector<double> upload;    // a tar stream, unpacked into the workspace
  std::vector<double> download;  // the same tree, packed
};

// One VM of voidbox. First a tree that is uploaded and downloaded unmeasured, DATA_LOSS when what
// comes back differs in size; then the measured rounds, in turns. `bytes` is a multiple of
// kTreeFileBytes.
absl::StatusOr<FilesResult> RunFilesBench(const Vmms& vmms, const Stage& stage, int rounds,
                                          uint64_t bytes);

std::string FilesText(const FilesResult& result);
std::string FilesJson(const FilesResult& result);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_FILES_BENCH_H_
