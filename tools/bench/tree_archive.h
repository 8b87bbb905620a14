#ifndef VOIDBOX_TOOLS_BENCH_TREE_ARCHIVE_H_
#define VOIDBOX_TOOLS_BENCH_TREE_ARCHIVE_H_

#include <cstdint>
#include <string>

namespace voidbox::bench {

inline constexpr uint64_t kTreeFileBytes = 1 << 20;

// A tar archive of a tree of files of kTreeFileBytes each, 50 to a directory, whose bytes are all
// different from file to file. `bytes` is a multiple of kTreeFileBytes.
std::string TreeArchive(uint64_t bytes);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_TREE_ARCHIVE_H_
