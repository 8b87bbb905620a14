#include "image/store/container_config.h"

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "image/store/container_user.h"

namespace voidbox {
namespace {

constexpr size_t kMaxAccountsBytes = 1 << 20;  // as much as the agent reads of passwd

// The text of an account file; nothing where there is none.
absl::StatusOr<std::string> AccountFile(const FileTree& tree, const char* path) {
  const Inode* const file = tree.Resolve(path);
  if (file == nullptr || file->type != FileType::kRegular) return std::string();
  return tree.spool().ReadAll(file->contents, kMaxAccountsBytes);
}

// Absolute, without ".", ".." and repeated slashes.
std::string CleanPath(const std::string& path) {
  std::string clean = std::filesystem::path(absl::StrCat("/", path)).lexically_normal().string();
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  // Two slashes in front are a root name to std::filesystem.
  const size_t start = clean.find_first_not_of('/');
  return start == std::string::npos ? "/" : clean.substr(start - 1);
}

absl::Status Make(FileTree& tree, const char* what, const std::string& path,
                  const FileMetadata& metadata) {
  absl::Status made = tree.EnsureDirectory(path, metadata);
  if (made.ok()) return made;
  return absl::InvalidArgumentError(absl::StrCat("its ", what, " '", absl::CHexEscape(path),
                                                 "' cannot be made: ", made.message()));
}

}  // namespace

absl::StatusOr<AdoptedConfig> AdoptContainerConfig(const OciImageConfig& config,
                                                   const FileTree& tree) {
  AdoptedConfig adopted = {.config = {.entrypoint = config.entrypoint, .command = config.cmd}};
  for (const std::string& variable : config.env) {
    const size_t name_end = variable.find('=');
    if (name_end == 0 || name_end == std::string::npos) continue;
    adopted.config.environment.push_back(variable);
  }
  if (!config.working_dir.empty()) {
    adopted.config.working_directory = CleanPath(config.working_dir);
  }
  for (const std::string& volume : config.volumes) adopted.volumes.push_back(CleanPath(volume));
  if (config.user.empty()) return adopted;
  ASSIGN_OR_RETURN(const std::string passwd, AccountFile(tree, "etc/passwd"));
  ASSIGN_OR_RETURN(const std::string group, AccountFile(tree, "etc/group"));
  ASSIGN_OR_RETURN(const ContainerUser user, FindContainerUser(config.user, passwd, group));
  adopted.config.user = user.text;
  adopted.uid = user.uid;
  adopted.gid = user.gid;
  return adopted;
}

absl::Status MakeDirectories(const AdoptedConfig& adopted, FileTree& tree) {
  const std::string& directory = adopted.config.working_directory;
  if (!directory.empty()) {
    RETURN_IF_ERROR(Make(tree, "working directory", directory,
                         {.permissions = 0755, .uid = adopted.uid, .gid = adopted.gid}));
  }
  for (const std::string& volume : adopted.volumes) {
    RETURN_IF_ERROR(Make(tree, "volume", volume, {.permissions = 0755}));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
