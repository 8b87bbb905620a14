#include "image/posix_acl.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Linux include/uapi/linux/posix_acl.h and posix_acl_xattr.h; numbers are little-endian.
enum Tag : uint16_t {
  kUserOwner = 0x01,
  kUser = 0x02,
  kGroupOwner = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};
constexpr uint32_t kVersion = 2;
constexpr uint32_t kNoId = UINT32_MAX;
constexpr size_t kHeaderBytes = 4;
constexpr size_t kEntryBytes = 8;

struct Entry {
  uint16_t tag = 0;
  uint16_t permissions = 0;  // 4 read, 2 write, 1 execute
  uint32_t id = kNoId;
};

// posix_acl_valid() of Linux: in order, one each of the owners' and of others, a mask where users
// or groups are named.
bool IsValid(const std::vector<Entry>& entries) {
  const auto count = [&](uint16_t tag) {
    return std::count_if(entries.begin(), entries.end(),
                         [&](const Entry& entry) { return entry.tag == tag; });
  };
  const bool names_some = count(kUser) + count(kGroup) > 0;
  const auto masks = count(kMask);
  const auto others = count(kUserOwner) + count(kGroupOwner) + count(kOther);
  if (count(kUserOwner) != 1 || count(kGroupOwner) != 1 || count(kOther) != 1) return false;
  if (masks > 1 || (names_some && masks != 1)) return false;
  if (static_cast<size_t>(others + masks + count(kUser) + count(kGroup)) != entries.size()) {
    return false;
  }
  return std::all_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    const bool is_named = entry.tag == kUser || entry.tag == kGroup;
    return entry.permissions <= 7 && (!is_named || entry.id != kNoId);
  });
}

bool IsBefore(const Entry& a, const Entry& b) {
  return a.tag != b.tag ? a.tag < b.tag : a.id < b.id;
}

absl::Status Invalid(absl::string_view entry, absl::string_view why) {
  constexpr size_t kShownBytes = 64;
  return absl::InvalidArgumentError(
      absl::StrCat("ACL entry '", absl::CHexEscape(entry.substr(0, kShownBytes)), "' ", why));
}

absl::StatusOr<uint16_t> ParsePermissions(absl::string_view text) {
  uint16_t permissions = 0;
  for (const char c : text) {
    if (c == 'r') {
      permissions |= 4;
    } else if (c == 'w') {
      permissions |= 2;
    } else if (c == 'x') {
      permissions |= 1;
    } else if (c != '-') {
      return absl::InvalidArgumentError("");
    }
  }
  return permissions;
}

absl::StatusOr<uint16_t> ParseTag(absl::string_view kind, bool is_named) {
  if (kind == "user" || kind == "u") return is_named ? kUser : kUserOwner;
  if (kind == "group" || kind == "g") return is_named ? kGroup : kGroupOwner;
  if (!is_named && (kind == "mask" || kind == "m")) return kMask;
  if (!is_named && (kind == "other" || kind == "o")) return kOther;
  return absl::InvalidArgumentError("");
}

// TYPE:WHO:PERMISSIONS, or with star TYPE:NAME:PERMISSIONS:NUMBER; "other:PERMISSIONS" too.
absl::StatusOr<Entry> ParseEntry(absl::string_view text) {
  std::vector<absl::string_view> fields = absl::StrSplit(text, ':');
  if (fields.size() == 2) fields.insert(fields.begin() + 1, "");
  if (fields.size() != 3 && fields.size() != 4) return Invalid(text, "is none");
  Entry entry;
  const bool is_named = !fields[1].empty();
  const auto tag = ParseTag(fields[0], is_named);
  const auto permissions = ParsePermissions(fields[2]);
  if (!tag.ok() || !permissions.ok()) return Invalid(text, "is none");
  entry.tag = *tag;
  entry.permissions = *permissions;
  const absl::string_view id = fields.size() == 4 ? fields[3] : fields[1];
  if (is_named && !absl::SimpleAtoi(id, &entry.id)) return Invalid(text, "has no number");
  return entry;
}

void AppendNumber(uint32_t value, size_t bytes, std::string& to) {
  for (size_t i = 0; i < bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t NumberAt(absl::string_view bytes, size_t offset, size_t size) {
  uint32_t value = 0;
  for (size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i - 1]);
  }
  return value;
}

}  // namespace

absl::StatusOr<std::string> PosixAclFromText(absl::string_view text) {
  std::vector<Entry> entries;
  for (absl::string_view part : absl::StrSplit(text, absl::ByAnyChar(",\n"))) {
    part = absl::StripAsciiWhitespace(part.substr(0, part.find('#')));
    if (part.empty()) continue;
    ASSIGN_OR_RETURN(const Entry entry, ParseEntry(part));
    entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(), IsBefore);
  std::string value;
  AppendNumber(kVersion, kHeaderBytes, value);
  for (const Entry& entry : entries) {
    AppendNumber(entry.tag, 2, value);
    AppendNumber(entry.permissions, 2, value);
    AppendNumber(entry.id, 4, value);
  }
  if (!IsPosixAcl(value)) return Invalid(text, "is not a whole ACL");
  return value;
}

bool IsPosixAcl(absl::string_view value) {
  if (value.size() < kHeaderBytes || (value.size() - kHeaderBytes) % kEntryBytes != 0 ||
      NumberAt(value, 0, kHeaderBytes) != kVersion) {
    return false;
  }
  std::vector<Entry> entries;
  for (size_t at = kHeaderBytes; at < value.size(); at += kEntryBytes) {
    entries.push_back({.tag = static_cast<uint16_t>(NumberAt(value, at, 2)),
                       .permissions = static_cast<uint16_t>(NumberAt(value, at + 2, 2)),
                       .id = NumberAt(value, at + 4, 4)});
  }
  const auto is_out_of_order = [](const Entry& a, const Entry& b) { return a.tag > b.tag; };
  return std::adjacent_find(entries.begin(), entries.end(), is_out_of_order) == entries.end() &&
         IsValid(entries);
}

}  // namespace voidbox
