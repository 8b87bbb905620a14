#include "image/builder/guest_steps.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/late_link_list.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "image/builder/busybox.h"
#include "image/builder/tree_files.h"
#include "image/flavours/flavour_files.h"
#include "image/guest_parts.h"

namespace voidbox {
namespace {

FileMetadata Owned(uint32_t permissions, uint32_t uid = 0, uint32_t gid = 0) {
  return {.permissions = permissions, .uid = uid, .gid = gid};
}

// Linux Documentation/admin-guide/devices.txt.
struct DeviceNode {
  const char* name;
  uint32_t major;
  uint32_t minor;
};
constexpr DeviceNode kNodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                                 {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

constexpr char kGuestAgent[] = "/sbin/guest-agent";
// What the agent is by other names (agent/ping/ping.h).
constexpr const char* kPings[] = {"/bin/ping", "/bin/ping6"};

bool IsPing(const std::string& path) {  // without a slash in front
  return std::any_of(std::begin(kPings), std::end(kPings),
                     [&](const char* ping) { return absl::StrCat("/", path) == ping; });
}

// What a BusyBox says of itself with an option.
absl::StatusOr<std::vector<std::string>> Ask(Build& build, const char* option) {
  ASSIGN_OR_RETURN(const std::string output,
                   AskBusybox(build.options.busybox, option, build.progress));
  std::vector<std::string> lines = absl::StrSplit(output, '\n', absl::SkipEmpty());
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

// The version out of "BusyBox v1.35.0 (Debian 1:1.35.0-4+b5) multi-call binary."
absl::StatusOr<std::string> VersionOfBusybox(Build& build) {
  ASSIGN_OR_RETURN(const std::string output,
                   AskBusybox(build.options.busybox, "--help", build.progress));
  const std::vector<std::string> words = absl::StrSplit(output, absl::MaxSplits(' ', 2));
  if (words.size() < 3 || words[0] != "BusyBox") {
    return absl::InvalidArgumentError(
        absl::StrCat(build.options.busybox, ": it does not say that it is a BusyBox"));
  }
  return absl::StartsWith(words[1], "v") ? words[1].substr(1) : words[1];
}

absl::Status RecordBusybox(Build& build, const Digest& digest) {
  const bool is_known =
      std::any_of(build.components.begin(), build.components.end(),
                  [&](const Component& component) { return component.digest == digest; });
  if (is_known) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string version, VersionOfBusybox(build));
  build.components.push_back({.name = "busybox",
                              .version = version,
                              .purl = absl::StrCat("pkg:generic/busybox@", version),
                              .digest = digest,
                              .comment = ""});
  build.inputs.push_back({.name = "busybox", .version = version, .digest = digest});
  return absl::OkStatus();
}

// The file, or another name of the one that the tree has.
absl::Status AddBusyboxFile(Build& build, const char* path) {
  for (const char* const other : {"/bin/busybox", "/home/user/bin/busybox"}) {
    const Inode* const inode = build.tree.Find(other);
    if (inode == nullptr || inode->type != FileType::kRegular) continue;
    // Only one that we put there is known to be static.
    if (inode->metadata.xattrs.empty() && inode->metadata.permissions == 0755 &&
        std::any_of(build.inputs.begin(), build.inputs.end(), [&](const ImageInput& input) {
          return input.digest == Digest(inode->contents.data_digest);
        })) {
      return build.tree.AddHardLink(path, other);
    }
  }
  ASSIGN_OR_RETURN(const Digest digest,
                   AddHostFile(build.tree, path, Owned(0755), build.options.busybox));
  return RecordBusybox(build, digest);
}

// Relative: the same inside the chroot and outside.
absl::Status AddToolchainLink(FileTree& tree, const std::string& program) {
  return tree.AddSymlink(absl::StrCat("/home/user/bin/", program), {}, "busybox");
}

}  // namespace

absl::Status AddAgentAndUser(Build& build) {
  FileTree& tree = build.tree;
  RETURN_IF_ERROR(AddGuestParts(tree, build.options.agent));
  RETURN_IF_ERROR(tree.AddSymlink("/init", {}, kGuestAgent));
  const Inode* const agent = tree.Resolve(kGuestAgent);
  const Digest digest(agent->contents.data_digest);
  build.agent = digest;
  build.components.push_back({.name = "voidbox-guest-agent",
                              .version = kVersion,
                              .purl = "",
                              .digest = digest,
                              .comment = "PID 1 of the guest"});
  return absl::OkStatus();
}

absl::Status AddPing(Build& build) {
  for (const char* const path : kPings) {
    const Inode* const found = build.tree.Find(path);
    const bool is_busybox = found != nullptr && found->type == FileType::kSymlink &&
                            absl::EndsWith(found->symlink_target, "busybox");
    if (found == nullptr || is_busybox) {
      RETURN_IF_ERROR(build.tree.AddSymlink(path, {}, kGuestAgent));
    }
  }
  return absl::OkStatus();
}

absl::Status AddSmallToolchain(Build& build) {
  FileTree& tree = build.tree;
  RETURN_IF_ERROR(tree.AddDirectory("/home/user/dev", Owned(0755)));
  for (const DeviceNode& node : kNodes) {
    RETURN_IF_ERROR(tree.AddSpecial(absl::StrCat("/home/user/dev/", node.name), Owned(0666),
                                    FileType::kCharacterDevice, node.major, node.minor));
  }
  RETURN_IF_ERROR(tree.AddDirectory("/home/user/bin", Owned(0755)));
  RETURN_IF_ERROR(tree.AddDirectory("/home/user/tmp", Owned(01777)));
  if (build.options.busybox.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(AddBusyboxFile(build, "/home/user/bin/busybox"));
  return AddToolchainLink(tree, "sh");
}

absl::Status AddToolchain(Build& build) {
  RETURN_IF_ERROR(AddSmallToolchain(build));
  if (build.options.busybox.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> programs, Ask(build, "--list"));
  for (const std::string& program : programs) {
    if (program != "busybox") RETURN_IF_ERROR(AddToolchainLink(build.tree, program));
  }
  return absl::OkStatus();
}

absl::Status AddSystemBusybox(Build& build) {
  if (build.options.busybox.empty()) {
    LogWarning("without BusyBox the guest has no shell and no commands");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(AddBusyboxFile(build, "/bin/busybox"));
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, Ask(build, "--list-full"));
  // Each entry of an initramfs costs the boot 19 microseconds: the agent makes most of the links
  // when it has told the host that it is ready, in a third of that time.
  RETURN_IF_ERROR(build.tree.AddSymlink("/bin/sh", {}, "/bin/busybox"));
  std::string late;
  for (const std::string& path : paths) {
    // The second is for init of an age before /init, the third is the agent.
    if (path == "bin/busybox" || path == "linuxrc" || path == "sbin/init") continue;
    if (path != "bin/sh" && !IsPing(path)) absl::StrAppend(&late, "/bin/busybox /", path, "\n");
  }
  for (const char* const path : kPings) absl::StrAppend(&late, kGuestAgent, " ", path, "\n");
  return AddText(build.tree, kLateLinkList, Owned(0644), late);
}

absl::Status AddClaudeCodeMock(Build& build) {
  RETURN_IF_ERROR(AddText(build.tree, "/usr/local/bin/claude-code", Owned(0755), kClaudeCodeMock));
  build.components.push_back({.name = "claude-code-mock",
                              .version = kVersion,
                              .purl = "",
                              .digest = Digest::Of(kClaudeCodeMock),
                              .comment = "stands in for Claude Code"});
  return absl::OkStatus();
}

}  // namespace voidbox
