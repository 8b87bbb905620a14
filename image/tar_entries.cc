#include "image/tar_entries.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Of a pax header, or a long name: what Go's archive/tar takes, and so what images have.
constexpr uint64_t kMaxExtensionBytes = 1 << 20;
constexpr uint32_t kPermissionBits = 07777;
constexpr absl::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr absl::string_view kArchiveXattrPrefix = "LIBARCHIVE.xattr.";

// Whether a header of this type has no data behind it, whatever size it says.
bool IsHeaderOnly(char type) { return type >= '1' && type <= '6'; }

size_t PaddingOf(uint64_t bytes) {
  return static_cast<size_t>((kTarBlockBytes - bytes % kTarBlockBytes) % kTarBlockBytes);
}

// libarchive's form of a name: what is no printable ASCII is %XX.
std::string UrlDecoded(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

absl::Status ApplyXattr(absl::string_view key, const std::string& value, TarMember& entry) {
  absl::string_view name = key;
  if (absl::ConsumePrefix(&name, kXattrPrefix)) {
    entry.xattrs.insert_or_assign(std::string(name), value);
  } else if (absl::ConsumePrefix(&name, kArchiveXattrPrefix)) {
    std::string decoded;
    if (!absl::Base64Unescape(value, &decoded)) {
      return absl::DataLossError("damaged: an extended attribute that is no base64");
    }
    entry.xattrs.insert_or_assign(UrlDecoded(name), std::move(decoded));
  } else if (absl::StartsWith(key, "RHT.security.selinux")) {
    entry.xattrs.insert_or_assign("security.selinux", value);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PaxId(absl::string_view value) {
  ASSIGN_OR_RETURN(const uint64_t number, ParsePaxNumber(value));
  return static_cast<int64_t>(
      std::min<uint64_t>(number, std::numeric_limits<int64_t>::max()));  // refused by its user
}

// Records of a pax header take the place of the header's fields; the last of a key holds. An empty
// one takes back an earlier one.
absl::Status ApplyPax(const PaxRecords& records, TarMember& entry, uint64_t& stored_bytes) {
  std::map<absl::string_view, const std::string*> last;
  for (const auto& [key, value] : records) last[key] = &value;
  for (const auto& [key, text] : last) {
    const std::string& value = *text;
    if (absl::StartsWith(key, kXattrPrefix) || absl::StartsWith(key, kArchiveXattrPrefix) ||
        absl::StartsWith(key, "RHT.")) {
      RETURN_IF_ERROR(ApplyXattr(key, value, entry));
    } else if (value.empty()) {
      continue;
    } else if (key == "path") {
      entry.name = value;
    } else if (key == "linkpath") {
      entry.link = value;
    } else if (key == "size") {
      ASSIGN_OR_RETURN(stored_bytes, ParsePaxNumber(value));
    } else if (key == "uid") {
      ASSIGN_OR_RETURN(entry.uid, PaxId(value));
    } else if (key == "gid") {
      ASSIGN_OR_RETURN(entry.gid, PaxId(value));
    } else if (key == "mtime") {
      ASSIGN_OR_RETURN(entry.mtime, ParsePaxSeconds(value));
    } else if (key == "SCHILY.acl.access") {
      entry.access_acl = value;
    } else if (key == "SCHILY.acl.default") {
      entry.default_acl = value;
    }
  }
  return absl::OkStatus();
}

const std::string* FindRecord(const PaxRecords& records, absl::string_view key) {
  const std::string* found = nullptr;
  for (const auto& [name, value] : records) {
    if (name == key) found = &value;
  }
  return found;
}

absl::Status At(uint64_t position, const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(absl::StrCat(status.message(), " (before byte ", position, ")"));
}

}  // namespace

absl::Status TarEntries::CutShort() const {
  return absl::DataLossError(absl::StrCat("cut short at byte ", position_));
}

absl::StatusOr<absl::string_view> TarEntries::Take(uint64_t most) {
  if (chunk_.empty() && !at_end_) {
    ASSIGN_OR_RETURN(chunk_, next_());
    at_end_ = chunk_.empty();
  }
  const absl::string_view taken = chunk_.substr(0, most);
  chunk_.remove_prefix(taken.size());
  position_ += taken.size();
  return taken;
}

absl::StatusOr<std::optional<std::string>> TarEntries::TakeBlock() {
  std::string block;
  while (block.size() < kTarBlockBytes) {
    ASSIGN_OR_RETURN(const absl::string_view got, Take(kTarBlockBytes - block.size()));
    if (got.empty()) break;
    absl::StrAppend(&block, got);
  }
  if (block.empty()) return std::nullopt;
  if (block.size() < kTarBlockBytes) return CutShort();
  return block;
}

absl::Status TarEntries::Skip(uint64_t bytes) {
  while (bytes > 0) {
    ASSIGN_OR_RETURN(const absl::string_view got, Take(bytes));
    if (got.empty()) return CutShort();
    bytes -= got.size();
  }
  return absl::OkStatus();
}

// The last file's may be missing; whether that is an error is said where its end is looked for.
absl::Status TarEntries::SkipPadding() {
  while (padding_ > 0) {
    ASSIGN_OR_RETURN(const absl::string_view got, Take(padding_));
    if (got.empty()) break;
    padding_ -= got.size();
  }
  padding_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::string> TarEntries::ReadExtension(const TarHeader& header) {
  const auto size = static_cast<uint64_t>(header.size);
  if (size > kMaxExtensionBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a header of ", size, " bytes is longer than the limit of ", kMaxExtensionBytes));
  }
  std::string text;
  while (text.size() < size) {
    ASSIGN_OR_RETURN(const absl::string_view got, Take(size - text.size()));
    if (got.empty()) return CutShort();
    absl::StrAppend(&text, got);
  }
  padding_ = PaddingOf(size);
  RETURN_IF_ERROR(SkipPadding());
  return text;
}

absl::StatusOr<std::optional<TarMember>> TarEntries::NextEntry() {
  if (is_done_) return std::nullopt;
  RETURN_IF_ERROR(Skip(data_left_));
  data_left_ = 0;
  RETURN_IF_ERROR(SkipPadding());
  Extensions extensions;
  for (;;) {
    const bool is_first = position_ == 0;
    ASSIGN_OR_RETURN(const std::optional<std::string> block, TakeBlock());
    if (!block.has_value() || IsZeroTarBlock(*block)) {
      is_done_ = true;
      if (extensions.any) return CutShort();
      if (block.has_value() || !options_.needs_end_mark) return std::nullopt;
      return absl::DataLossError(absl::StrCat("cut short at byte ", position_,
                                              ": the zeroes that mark its end are missing"));
    }
    absl::StatusOr<TarHeader> header = ParseTarHeader(*block);
    if (!header.ok() && is_first) {
      return absl::DataLossError("no tar archive, plain or packed with gzip, zstd or xz");
    }
    if (!header.ok()) return At(position_, header.status());
    if (header->type == 'x' || header->type == 'X') {
      ASSIGN_OR_RETURN(const std::string text, ReadExtension(*header));
      absl::StatusOr<PaxRecords> records = ParsePaxRecords(text);
      if (!records.ok()) return At(position_, records.status());
      extensions.pax = *std::move(records);
    } else if (header->type == 'L') {
      ASSIGN_OR_RETURN(extensions.long_name, ReadExtension(*header));
    } else if (header->type == 'K') {
      ASSIGN_OR_RETURN(extensions.long_link, ReadExtension(*header));
    } else if (header->type == 'g' || header->type == 'V') {
      RETURN_IF_ERROR(ReadExtension(*header).status());
      continue;
    } else {
      absl::StatusOr<TarMember> entry = ReadEntry(*header, *block, extensions);
      if (!entry.ok()) return At(position_, entry.status());
      return *std::move(entry);
    }
    extensions.any = true;
  }
}

absl::StatusOr<TarMember> TarEntries::ReadEntry(const TarHeader& header, const std::string& block,
                                                const Extensions& extensions) {
  const auto text = [](const std::string& field) { return field.substr(0, field.find('\0')); };
  TarMember entry = {.name = text(extensions.long_name.value_or(header.name)),
                     .link = text(extensions.long_link.value_or(header.link)),
                     .type = header.type,
                     .permissions = static_cast<uint32_t>(header.mode) & kPermissionBits,
                     .uid = header.uid,
                     .gid = header.gid,
                     .mtime = header.mtime,
                     .major = header.major,
                     .minor = header.minor};
  auto stored = static_cast<uint64_t>(header.size);
  RETURN_IF_ERROR(ApplyPax(extensions.pax, entry, stored));
  // V7 has no type of directories.
  if (entry.type == '\0') entry.type = absl::EndsWith(entry.name, "/") ? '5' : '0';
  if (entry.type == 'D') entry.type = '5';  // GNU's, with the names of what was in it as data
  if (entry.type == '7') entry.type = '0';  // contiguous, once
  data_left_ = IsHeaderOnly(header.type) ? 0 : stored;
  padding_ = PaddingOf(data_left_);
  map_.reset();
  entry.size = data_left_;
  RETURN_IF_ERROR(ReadSparseMap(header, block, extensions.pax, entry));
  return entry;
}

absl::Status TarEntries::ReadSparseMap(const TarHeader& header, const std::string& block,
                                       const PaxRecords& pax, TarMember& entry) {
  const std::string* const major = FindRecord(pax, "GNU.sparse.major");
  const bool has_text = major != nullptr && *major == "1";
  if (header.type == 'S') {
    entry.type = '0';
    RETURN_IF_ERROR(ReadOldSparse(block, entry));
  } else if (has_text) {
    RETURN_IF_ERROR(ReadSparseText());
  } else if (FindRecord(pax, "GNU.sparse.map") != nullptr ||
             FindRecord(pax, "GNU.sparse.numblocks") != nullptr) {
    ASSIGN_OR_RETURN(map_, ReadPaxSparse(pax));
  } else {
    return absl::OkStatus();
  }
  const std::string* const name = FindRecord(pax, "GNU.sparse.name");
  if (name != nullptr && !name->empty()) entry.name = *name;
  for (const char* const key : {"GNU.sparse.size", "GNU.sparse.realsize"}) {
    const std::string* const size = FindRecord(pax, key);
    if (size == nullptr) continue;
    ASSIGN_OR_RETURN(entry.size, ParsePaxNumber(*size));
  }
  return CheckSparseMap(*map_, entry.size, data_left_);
}

absl::Status TarEntries::ReadOldSparse(const std::string& block, TarMember& entry) {
  TarSparseMap map;
  ASSIGN_OR_RETURN(OldSparsePart part, ReadOldSparseHeader(block, map));
  entry.size = part.file_bytes;
  while (part.has_more) {
    ASSIGN_OR_RETURN(const std::optional<std::string> more, TakeBlock());
    if (!more.has_value()) return CutShort();
    const size_t before = map.size();
    ASSIGN_OR_RETURN(part, ReadOldSparseBlock(*more, map));
    if (map.size() == before) return absl::DataLossError("damaged: an empty map of its holes");
  }
  map_ = std::move(map);
  return absl::OkStatus();
}

absl::Status TarEntries::ReadSparseText() {
  TarSparseText text;
  while (!text.is_whole()) {
    if (data_left_ < kTarBlockBytes) {
      return absl::DataLossError("damaged: the map of its holes is longer than its data");
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> block, TakeBlock());
    if (!block.has_value()) return CutShort();
    data_left_ -= kTarBlockBytes;
    RETURN_IF_ERROR(text.Add(*block));
  }
  map_ = std::move(text.map());
  return absl::OkStatus();
}

absl::Status TarEntries::ReadData(
    absl::FunctionRef<absl::Status(uint64_t offset, absl::string_view)> sink) {
  const TarSparseMap map = map_.value_or(TarSparseMap{{.offset = 0, .length = data_left_}});
  for (const TarSegment& segment : map) {
    for (uint64_t done = 0; done < segment.length;) {
      ASSIGN_OR_RETURN(const absl::string_view got, Take(segment.length - done));
      if (got.empty()) return CutShort();
      RETURN_IF_ERROR(sink(segment.offset + done, got));
      done += got.size();
      data_left_ -= got.size();
    }
  }
  return absl::OkStatus();
}

}  // namespace voidbox
