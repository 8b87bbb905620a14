#include "image/tar_reader.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "image/posix_acl.h"
#include "image/tree_path.h"

namespace voidbox {
namespace {

constexpr size_t kShownBytes = 256;  // of a name in a message
constexpr size_t kMaxDroppedNames = 16;
constexpr size_t kMaxDroppedDevices = 4096;  // whose other names are known; a whole /dev has 700
constexpr absl::string_view kWhiteout = ".wh.";
constexpr absl::string_view kWhiteoutMetadata = ".wh..wh.";  // of AUFS, says nothing of files
constexpr absl::string_view kOpaque = ".wh..wh..opq";

std::string Shown(absl::string_view name) {
  return absl::StrCat("'", absl::CHexEscape(name.substr(0, kShownBytes)), "'");
}

absl::Status Named(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("tar entry ", Shown(name), ": ", status.message()));
}

// A name as a path of the tree; none when it climbs above the root and `stops_at_root` is not set.
std::optional<std::string> TreePath(absl::string_view name, bool stops_at_root) {
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    } else if (!stops_at_root) {
      return std::nullopt;
    }
  }
  return absl::StrJoin(parts, "/");
}

bool IsKept(absl::string_view xattr) {
  return xattr == "security.capability" || absl::StartsWith(xattr, "user.");
}

// Reads one archive into one tree.
class Reader {
 public:
  Reader(ByteSource source, const TarOptions& options, FileTree& tree)
      : options_(options),
        tree_(tree),
        stream_(std::move(source), options.unpack_limits, options.progress),
        entries_([this] { return NextBytes(); }, options.format) {}

  absl::StatusOr<TarSummary> Read();

 private:
  absl::StatusOr<absl::string_view> NextBytes();
  absl::Status AddEntry(TarMember& entry);
  absl::Status AddOfType(TarMember& entry, const std::string& path, FileMetadata metadata);
  absl::Status AddFile(const TarMember& entry, const std::string& path, FileMetadata metadata);
  absl::Status AddDevice(const TarMember& entry, const std::string& path, FileMetadata metadata);
  absl::Status AddHardLink(const TarMember& entry, const std::string& path);
  void DropDevice(const std::string& path);
  absl::StatusOr<FileMetadata> Metadata(TarMember& entry);
  // Keeps an ACL, given as an attribute's value, or drops what is none.
  void AddAcl(absl::string_view name, const absl::StatusOr<std::string>& value,
              FileMetadata& metadata);
  // Whether the entry was one, and is done with.
  absl::StatusOr<bool> ApplyWhiteout(absl::string_view path);

  const TarOptions& options_;
  FileTree& tree_;
  UnpackedStream stream_;
  TarEntries entries_;
  TarSummary summary_;
  std::set<std::string> dropped_devices_;  // paths
};

absl::StatusOr<absl::string_view> Reader::NextBytes() {
  ASSIGN_OR_RETURN(const absl::string_view bytes, stream_.Next());
  if (options_.on_unpacked != nullptr) options_.on_unpacked(bytes);
  return bytes;
}

absl::StatusOr<TarSummary> Reader::Read() {
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<TarMember> entry, entries_.NextEntry());
    if (!entry.has_value()) break;
    RETURN_IF_ERROR(Named(entry->name, AddEntry(*entry)));
  }
  while (options_.on_unpacked != nullptr) {
    ASSIGN_OR_RETURN(const absl::string_view rest, NextBytes());
    if (rest.empty()) break;
  }
  summary_.packed_bytes = stream_.packed_bytes();
  summary_.unpacked_bytes = stream_.unpacked_bytes();
  return std::move(summary_);
}

absl::Status Reader::AddEntry(TarMember& entry) {
  const std::optional<std::string> path = TreePath(entry.name, /*stops_at_root=*/false);
  if (!path.has_value()) return absl::InvalidArgumentError("its name climbs above the root");
  if (options_.is_layer) {
    ASSIGN_OR_RETURN(const bool done, ApplyWhiteout(*path));
    if (done) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(FileMetadata metadata, Metadata(entry));
  RETURN_IF_ERROR(AddOfType(entry, *path, std::move(metadata)));
  ++summary_.entries;
  return absl::OkStatus();
}

absl::StatusOr<bool> Reader::ApplyWhiteout(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const absl::string_view base = slash == path.npos ? path : path.substr(slash + 1);
  const absl::string_view directory = slash == path.npos ? "" : path.substr(0, slash);
  if (!absl::StartsWith(base, kWhiteout)) return false;
  if (base == kOpaque) {
    RETURN_IF_ERROR(tree_.ClearLower(directory));
  } else if (!absl::StartsWith(base, kWhiteoutMetadata)) {
    const absl::string_view removed = base.substr(kWhiteout.size());
    if (removed.empty()) return absl::InvalidArgumentError("a whiteout of no name");
    RETURN_IF_ERROR(tree_.RemoveLower(absl::StrCat(directory, "/", removed)));
  }
  ++summary_.entries;
  return true;
}

void Reader::AddAcl(absl::string_view name, const absl::StatusOr<std::string>& value,
                    FileMetadata& metadata) {
  if (value.ok() && IsPosixAcl(*value)) {
    metadata.xattrs.insert_or_assign(std::string(name), *value);
  } else {
    summary_.dropped.AddXattr(name);
  }
}

absl::StatusOr<FileMetadata> Reader::Metadata(TarMember& entry) {
  // The last number of 32 bits means "no change" to chown(2).
  if (entry.uid < 0 || entry.uid >= UINT32_MAX || entry.gid < 0 || entry.gid >= UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("its owner ", entry.uid, ":", entry.gid, " is outside 0 to ", UINT32_MAX - 1));
  }
  FileMetadata metadata = {.permissions = entry.permissions,
                           .uid = static_cast<uint32_t>(entry.uid),
                           .gid = static_cast<uint32_t>(entry.gid),
                           .mtime = entry.mtime};
  const bool has_acl = entry.type == '0' || entry.type == '5' || entry.type == '6';
  for (auto& [name, value] : entry.xattrs) {
    if (name == kAccessAcl || name == kDefaultAcl) {
      if (has_acl && (name == kAccessAcl || entry.type == '5')) AddAcl(name, value, metadata);
    } else if (IsKept(name)) {
      metadata.xattrs.insert_or_assign(name, std::move(value));
    } else {
      summary_.dropped.AddXattr(name);
    }
  }
  if (has_acl && !entry.access_acl.empty()) {
    AddAcl(kAccessAcl, PosixAclFromText(entry.access_acl), metadata);
  }
  if (entry.type == '5' && !entry.default_acl.empty()) {
    AddAcl(kDefaultAcl, PosixAclFromText(entry.default_acl), metadata);
  }
  return metadata;
}

absl::Status Reader::AddOfType(TarMember& entry, const std::string& path, FileMetadata metadata) {
  switch (entry.type) {
    case '0':
      return AddFile(entry, path, std::move(metadata));
    case '1':
      return AddHardLink(entry, path);
    case '2':
      return tree_.AddSymlink(path, std::move(metadata), entry.link);
    case '3':
    case '4':
      return AddDevice(entry, path, std::move(metadata));
    case '5':
      return tree_.AddDirectory(path, std::move(metadata));
    case '6':
      return tree_.AddSpecial(path, std::move(metadata), FileType::kFifo, 0, 0);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("a file of type '", absl::CHexEscape(absl::string_view(&entry.type, 1)),
                       "' has no place in an image"));
  }
}

absl::Status Reader::AddHardLink(const TarMember& entry, const std::string& path) {
  const std::string target = *TreePath(entry.link, /*stops_at_root=*/true);
  if (!dropped_devices_.contains(target)) return tree_.AddHardLink(path, target);
  DropDevice(path);
  return absl::OkStatus();
}

void Reader::DropDevice(const std::string& path) {
  ++summary_.dropped.devices;
  if (dropped_devices_.size() < kMaxDroppedDevices) dropped_devices_.insert(path);
}

absl::Status Reader::AddDevice(const TarMember& entry, const std::string& path,
                               FileMetadata metadata) {
  const auto number = [](int64_t value) {  // one that is none is refused by the tree
    return value < 0 || value > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value);
  };
  switch (options_.devices) {
    case TarOptions::Devices::kRefuse:
      return absl::InvalidArgumentError(
          absl::StrCat("a device node (", entry.major, ":", entry.minor, ") is not allowed"));
    case TarOptions::Devices::kDrop:
      DropDevice(path);
      return absl::OkStatus();
    case TarOptions::Devices::kKeep:
      return tree_.AddSpecial(
          path, std::move(metadata),
          entry.type == '3' ? FileType::kCharacterDevice : FileType::kBlockDevice,
          number(entry.major), number(entry.minor));
  }
  return absl::InternalError("a policy that is none");
}

absl::Status Reader::AddFile(const TarMember& entry, const std::string& path,
                             FileMetadata metadata) {
  RETURN_IF_ERROR(SplitTreePath(path).status());
  const uint64_t limit = tree_.limits().spool.max_file_bytes;
  if (entry.size > limit) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a size of ", entry.size, " bytes is more than the limit of ", limit, " a file"));
  }
  ContentSpool::Writer writer(tree_.spool());
  RETURN_IF_ERROR(entries_.ReadData(
      [&](uint64_t offset, absl::string_view data) { return writer.WriteAt(offset, data); }));
  ASSIGN_OR_RETURN(FileContents contents, writer.Finish(entry.size));
  return tree_.AddFile(path, std::move(metadata), std::move(contents));
}

}  // namespace

void DroppedParts::AddXattr(absl::string_view name, size_t count) {
  const std::string key(name.substr(0, kShownBytes));
  const bool is_kept = xattrs.contains(key) || xattrs.size() < kMaxDroppedNames;
  xattrs[is_kept ? key : "others"] += count;
}

void DroppedParts::Add(const DroppedParts& other) {
  devices += other.devices;
  for (const auto& [name, count] : other.xattrs) AddXattr(name, count);
}

std::string DroppedParts::Description() const {
  std::vector<std::string> parts;
  if (devices > 0) parts.push_back(absl::StrCat(devices, " device nodes"));
  for (const auto& [name, count] : xattrs) {
    parts.push_back(absl::StrCat("extended attribute ", absl::CHexEscape(name), " of ", count,
                                 count == 1 ? " file" : " files"));
  }
  return absl::StrJoin(parts, ", ");
}

absl::StatusOr<TarSummary> ReadTar(ByteSource source, const TarOptions& options, FileTree& tree) {
  return Reader(std::move(source), options, tree).Read();
}

}  // namespace voidbox
