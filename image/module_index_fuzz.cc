#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/module_index.h"
#include "image/tree_path.h"

// modules.dep, and modules.builtin behind a zero byte.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(data, data + size);
  const absl::string_view all = bytes;
  const size_t split = std::min(all.find('\0'), all.size());
  const auto index = voidbox::ModuleIndex::Parse(all.substr(0, split),
                                                 all.substr(std::min(split + 1, all.size())));
  if (!index.ok()) return 0;
  const std::vector<std::string> names = {"virtio_mmio", "ext4", "a", ""};
  const auto order = index->LoadOrder(names);
  if (!order.ok()) return 0;
  std::set<std::string> seen;
  for (const std::string& path : *order) {
    voidbox::Check(path.empty() || path[0] != '/', "a path is relative");
    voidbox::Check(voidbox::SplitTreePath(path).ok(), "a path stays in its directory");
    voidbox::Check(seen.insert(path).second, "a module is loaded once");
  }
  return 0;
}
