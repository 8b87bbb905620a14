#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "image/tar_reader.h"
#include "image/tree_path.h"

// The first byte says what is done with devices, whether the archive is a layer and whether it
// needs an end mark. Whatever comes, the tree stays within its limits and each of its paths is one
// that it can find.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using voidbox::FileTree;
  using voidbox::TarOptions;
  if (size == 0) return 0;
  const std::string archive(data + 1, data + size);
  FileTree tree = FileTree::Create({.max_entries = 100,
                                    .max_metadata_bytes = 100'000,
                                    .spool = {.max_bytes = 1 << 20, .max_file_bytes = 4 << 20}})
                      .value();
  tree.BeginLayer();
  const TarOptions options = {.devices = static_cast<TarOptions::Devices>(data[0] % 3),
                              .is_layer = (data[0] & 0x80) != 0,
                              .format = {.needs_end_mark = (data[0] & 0x40) == 0},
                              .unpack_limits = {.max_bytes = 4 << 20}};
  size_t offset = 0;
  const auto source = [&](char* to, size_t room) -> absl::StatusOr<size_t> {
    const size_t got = archive.copy(to, room, offset);
    offset += got;
    return got;
  };
  const auto unused = voidbox::ReadTar(source, options, tree);
  voidbox::Check(tree.entries() <= 100, "entries are limited");
  size_t seen = 0;
  const absl::Status visited = tree.Visit([&](absl::string_view path, const voidbox::Inode& inode) {
    voidbox::Check(path.size() > voidbox::kMaxPathBytes || tree.Find(path) == &inode,
                   "a visited path is found");
    ++seen;
    return absl::OkStatus();
  });
  voidbox::Check(visited.ok() && seen == tree.entries() + 1, "entries are counted");
  return 0;
}
