#include "image/cpio_writer.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr absl::string_view kMagic = "070701";
constexpr absl::string_view kTrailer = "TRAILER!!!";
constexpr size_t kAlignment = 4;                   // of names' and contents' ends
constexpr size_t kMaxPathBytes = 4095;             // the kernel's PATH_MAX without the terminator
constexpr uint64_t kMaxContentBytes = UINT32_MAX;  // eight hexadecimal digits

// The path as the archive has it: relative to the root.
absl::StatusOr<std::string> CheckedPath(absl::string_view path) {
  absl::string_view rest = path;
  while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  auto invalid = [path](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("cpio entry '", path, "': ", why));
  };
  if (rest.empty()) return invalid("empty path");
  if (rest.size() > kMaxPathBytes) return invalid("path too long");
  if (rest.find('\0') != absl::string_view::npos) return invalid("contains a NUL byte");
  if (rest == kTrailer) return invalid("is the name of the archive's end");
  for (const absl::string_view component : absl::StrSplit(rest, '/')) {
    if (component.empty()) return invalid("has an empty component");
    if (component == "." || component == "..") return invalid("has a component . or ..");
  }
  return std::string(rest);
}

void Pad(std::string& archive) {
  archive.append((kAlignment - archive.size() % kAlignment) % kAlignment, '\0');
}

}  // namespace

absl::Status CpioWriter::Add(absl::string_view path, Entry&& entry) {
  ASSIGN_OR_RETURN(std::string name, CheckedPath(path));
  if (entry.contents.size() > kMaxContentBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("cpio entry '", path, "': ", entry.contents.size(),
                     " bytes are more than the format's limit of ", kMaxContentBytes));
  }
  const auto [unused, is_new] = entries_.try_emplace(std::move(name), std::move(entry));
  if (!is_new) return absl::AlreadyExistsError(absl::StrCat("cpio entry '", path, "': twice"));
  return absl::OkStatus();
}

absl::Status CpioWriter::AddDirectory(absl::string_view path, const Attributes& attributes) {
  return Add(path, {.mode = S_IFDIR | (attributes.permissions & 07777u),
                    .uid = attributes.uid,
                    .gid = attributes.gid});
}

absl::Status CpioWriter::AddFile(absl::string_view path, const Attributes& attributes,
                                 std::string contents) {
  return Add(path, {.mode = S_IFREG | (attributes.permissions & 07777u),
                    .uid = attributes.uid,
                    .gid = attributes.gid,
                    .contents = std::move(contents)});
}

absl::Status CpioWriter::AddSymlink(absl::string_view path, absl::string_view target) {
  if (target.empty() || target.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("cpio entry '", path, "': bad link target"));
  }
  return Add(path, {.mode = S_IFLNK | 0777u, .contents = std::string(target)});
}

absl::Status CpioWriter::AddDevice(absl::string_view path, const Attributes& attributes,
                                   DeviceKind kind, uint32_t major, uint32_t minor) {
  const uint32_t type = kind == DeviceKind::kCharacter ? S_IFCHR
                        : kind == DeviceKind::kBlock   ? S_IFBLK
                                                       : S_IFIFO;
  return Add(path, {.mode = type | (attributes.permissions & 07777u),
                    .uid = attributes.uid,
                    .gid = attributes.gid,
                    .device_major = major,
                    .device_minor = minor});
}

absl::Status CpioWriter::AddHardLink(absl::string_view path, absl::string_view existing) {
  ASSIGN_OR_RETURN(const std::string name, CheckedPath(existing));
  const auto file = entries_.find(name);
  if (file == entries_.end() || S_ISDIR(file->second.mode)) {
    return absl::NotFoundError(
        absl::StrCat("cpio entry '", path, "': no file '", existing, "' to link to"));
  }
  Entry entry = file->second;
  entry.contents.clear();
  if (entry.link_of.empty()) entry.link_of = name;
  return Add(path, std::move(entry));
}

absl::StatusOr<std::string> CpioWriter::Finish() const {
  std::map<std::string, Links> files;  // by the name that was added first
  uint32_t inodes = 0;
  for (const auto& [name, entry] : entries_) {
    Links& links = files[entry.link_of.empty() ? name : entry.link_of];
    if (links.count++ == 0) links.inode = ++inodes;
    links.last = &name;
  }
  std::string archive;
  auto append = [&archive](absl::string_view name, const Entry& entry, uint32_t inode,
                           uint32_t links, absl::string_view contents) {
    // Inode, mode, uid, gid, links, time, size, device of the file system (2), device (2), bytes of
    // the name with its NUL, checksum (none in this format).
    absl::StrAppendFormat(&archive, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                          kMagic, inode, entry.mode, entry.uid, entry.gid, links, 0,
                          contents.size(), 0, 0, entry.device_major, entry.device_minor,
                          name.size() + 1, 0);
    archive.append(name.data(), name.size());
    archive.push_back('\0');
    Pad(archive);
    archive.append(contents.data(), contents.size());
    Pad(archive);
  };
  for (const auto& [name, entry] : entries_) {
    const size_t slash = name.rfind('/');
    if (slash != std::string::npos) {
      const auto parent = entries_.find(name.substr(0, slash));
      if (parent == entries_.end() || !S_ISDIR(parent->second.mode)) {
        return absl::FailedPreconditionError(
            absl::StrCat("cpio entry '", name, "': its directory is not in the archive"));
      }
    }
    const std::string& first = entry.link_of.empty() ? name : entry.link_of;
    const Links& links = files.at(first);
    // The last name of a file has its contents, as cpio(1) writes it.
    append(name, entry, links.inode, S_ISDIR(entry.mode) ? 2 : links.count,
           links.last == &name ? absl::string_view(entries_.at(first).contents) : "");
  }
  append(kTrailer, Entry(), 0, 1, "");
  return archive;
}

}  // namespace voidbox
