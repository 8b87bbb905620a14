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
  const uint32_t type = kind == DeviceKind::kCharacter ? S_IFCHR : S_IFBLK;
  return Add(path, {.mode = type | (attributes.permissions & 07777u),
                    .uid = attributes.uid,
                    .gid = attributes.gid,
                    .device_major = major,
                    .device_minor = minor});
}

absl::StatusOr<std::string> CpioWriter::Finish() const {
  std::string archive;
  auto append = [&archive](absl::string_view name, uint32_t inode, const Entry& entry) {
    const uint32_t links = S_ISDIR(entry.mode) ? 2 : 1;
    // Inode, mode, uid, gid, links, time, size, device of the file system (2), device (2), bytes of
    // the name with its NUL, checksum (none in this format).
    absl::StrAppendFormat(&archive, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                          kMagic, inode, entry.mode, entry.uid, entry.gid, links, 0,
                          entry.contents.size(), 0, 0, entry.device_major, entry.device_minor,
                          name.size() + 1, 0);
    archive.append(name.data(), name.size());
    archive.push_back('\0');
    Pad(archive);
    archive += entry.contents;
    Pad(archive);
  };
  uint32_t inode = 1;
  for (const auto& [name, entry] : entries_) {
    const size_t slash = name.rfind('/');
    if (slash != std::string::npos) {
      const auto parent = entries_.find(name.substr(0, slash));
      if (parent == entries_.end() || !S_ISDIR(parent->second.mode)) {
        return absl::FailedPreconditionError(
            absl::StrCat("cpio entry '", name, "': its directory is not in the archive"));
      }
    }
    append(name, inode++, entry);
  }
  append(kTrailer, 0, Entry());
  return archive;
}

}  // namespace voidbox
