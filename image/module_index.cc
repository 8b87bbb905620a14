#include "image/module_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "image/tree_path.h"

namespace voidbox {
namespace {

constexpr size_t kMaxShownBytes = 200;

absl::Status BadLine(size_t number, absl::string_view why, absl::string_view line) {
  return absl::InvalidArgumentError(absl::StrCat("modules.dep, line ", number, ": ", why, ": ",
                                                 absl::CHexEscape(line.substr(0, kMaxShownBytes))));
}

absl::Status CheckPath(absl::string_view path) {
  if (!path.empty() && path[0] == '/') return absl::InvalidArgumentError("an absolute path");
  if (path.substr(path.rfind('/') + 1).find(".ko") == absl::string_view::npos) {
    return absl::InvalidArgumentError("no kernel module");
  }
  return SplitTreePath(path).status();
}

}  // namespace

std::string KernelModuleName(absl::string_view path) {
  path = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  path = path.substr(0, path.find(".ko"));
  std::string name(path);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

absl::StatusOr<ModuleIndex> ModuleIndex::Parse(absl::string_view modules_dep,
                                               absl::string_view modules_builtin) {
  ModuleIndex index;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(modules_dep, '\n')) {
    ++number;
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) return BadLine(number, "no colon", line);
    Module module = {.path = std::string(line.substr(0, colon)),
                     .needs = absl::StrSplit(line.substr(colon + 1), ' ', absl::SkipEmpty())};
    if (const absl::Status usable = CheckPath(module.path); !usable.ok()) {
      return BadLine(number, usable.message(), line);
    }
    std::string name = KernelModuleName(module.path);
    index.modules_.insert_or_assign(std::move(name), std::move(module));
    if (index.modules_.size() > kMaxModules) {
      return absl::ResourceExhaustedError(
          absl::StrCat("modules.dep has more than ", kMaxModules, " modules"));
    }
  }
  for (const absl::string_view path : absl::StrSplit(modules_builtin, '\n', absl::SkipEmpty())) {
    index.built_in_.insert(KernelModuleName(path));
    if (index.built_in_.size() > kMaxModules) {
      return absl::ResourceExhaustedError(
          absl::StrCat("modules.builtin has more than ", kMaxModules, " modules"));
    }
  }
  return index;
}

ModuleIndex::Place ModuleIndex::Find(absl::string_view name) const {
  if (modules_.contains(name)) return Place::kModule;
  return built_in_.contains(name) ? Place::kBuiltIn : Place::kMissing;
}

absl::StatusOr<std::vector<std::string>> ModuleIndex::LoadOrder(
    std::span<const std::string> names) const {
  std::vector<std::string> order;
  std::set<std::string> ordered;
  for (const std::string& name : names) {
    const auto found = modules_.find(name);
    if (found == modules_.end()) continue;
    // depmod lists all that is needed, not only the next, and what is needed by all stands last.
    std::vector<std::string> files(found->second.needs.rbegin(), found->second.needs.rend());
    files.push_back(found->second.path);
    for (std::string& file : files) {
      const auto known = modules_.find(KernelModuleName(file));
      if (known == modules_.end() || known->second.path != file) {
        return absl::InvalidArgumentError(absl::StrCat("modules.dep: ", found->second.path,
                                                       " needs ", absl::CHexEscape(file),
                                                       ", which is not in it"));
      }
      if (ordered.insert(file).second) order.push_back(std::move(file));
    }
  }
  return order;
}

}  // namespace voidbox
