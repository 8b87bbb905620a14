#include "image/guest_parts.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint32_t kUserId = 1000;
constexpr char kHome[] = "home/user";
constexpr size_t kMaxAccountsBytes = 1 << 20;

// Appends `line` to the account file at `path` (passwd(5), group(5)) unless it knows `user`. A file
// that is not there begins with `first_line`.
absl::Status AddAccount(FileTree& tree, const std::string& path, absl::string_view first_line,
                        absl::string_view line) {
  std::string text(first_line);
  FileMetadata metadata;
  metadata.permissions = 0644;
  if (const Inode* file = tree.Resolve(path); file != nullptr) {
    if (file->type != FileType::kRegular) {
      return absl::InvalidArgumentError(absl::StrCat("/", path, " is not a regular file"));
    }
    ASSIGN_OR_RETURN(text, tree.spool().ReadAll(file->contents, kMaxAccountsBytes));
    metadata = file->metadata;
  }
  for (const absl::string_view existing : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(existing, "user:")) return absl::OkStatus();
  }
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  absl::StrAppend(&text, line);
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().Add(text));
  return tree.AddFile(path, std::move(metadata), std::move(contents));
}

}  // namespace

absl::Status AddGuestParts(FileTree& tree, const std::string& agent) {
  // An archive of a private directory: nobody but root could run anything.
  FileMetadata root = tree.root().metadata;
  root.permissions |= 0755;
  RETURN_IF_ERROR(tree.AddDirectory("/", std::move(root)));
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().AddHostFile(agent));
  RETURN_IF_ERROR(tree.AddFile("sbin/guest-agent", {.permissions = 0755}, std::move(contents)));
  // A link of the same file, not a symbolic one: the kernel runs it before anything is mounted.
  RETURN_IF_ERROR(tree.AddHardLink("sbin/init", "sbin/guest-agent"));
  RETURN_IF_ERROR(AddAccount(tree, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n",
                             "user:x:1000:1000:user:/home/user:/bin/sh\n"));
  RETURN_IF_ERROR(AddAccount(tree, "etc/group", "root:x:0:\n", "user:x:1000:\n"));
  if (tree.Resolve(kHome) == nullptr) {
    RETURN_IF_ERROR(
        tree.AddDirectory(kHome, {.permissions = 0755, .uid = kUserId, .gid = kUserId}));
  }
  if (tree.Find("workspace") == nullptr) {
    RETURN_IF_ERROR(tree.AddSymlink("workspace", {.permissions = 0777}, "/home/user"));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
