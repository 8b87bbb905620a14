#ifndef VOIDBOX_IMAGE_MODULE_INDEX_H_
#define VOIDBOX_IMAGE_MODULE_INDEX_H_

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Of a file of lib/modules/RELEASE: the name that the kernel knows the module by, which has '_'
// wherever the file has '-', without directories and ".ko", ".ko.xz" and so on.
std::string KernelModuleName(absl::string_view path);

// What a kernel has as modules and what each needs, out of depmod's modules.dep (modules.dep(5))
// and of modules.builtin (Linux Documentation/kbuild/kbuild.rst).
class ModuleIndex {
 public:
  // The contents of both files, hostile. INVALID_ARGUMENT, with the line, for a line of modules.dep
  // without a colon and for a path that leads out of the directory; RESOURCE_EXHAUSTED for more
  // than kMaxModules.
  static absl::StatusOr<ModuleIndex> Parse(absl::string_view modules_dep,
                                           absl::string_view modules_builtin);

  enum class Place { kModule, kBuiltIn, kMissing };
  Place Find(absl::string_view name) const;

  // The files that make the modules of these names work, relative to lib/modules/RELEASE, each once
  // and after those that it needs. What is built into the kernel or missing is left out.
  // INVALID_ARGUMENT when a module needs a file that modules.dep does not have.
  absl::StatusOr<std::vector<std::string>> LoadOrder(std::span<const std::string> names) const;

 private:
  ModuleIndex() = default;

  struct Module {
    std::string path;
    std::vector<std::string> needs;  // paths, in the order of modules.dep: the first comes last
  };
  std::map<std::string, Module, std::less<>> modules_;  // by name
  std::set<std::string, std::less<>> built_in_;         // names
};

// Debian's generic kernel has some 4,000.
inline constexpr size_t kMaxModules = 100'000;

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_MODULE_INDEX_H_
