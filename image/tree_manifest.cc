#include "image/tree_manifest.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint32_t kMaxPermissions = 07777;
// The kernel has 12 bits for a major and 20 for a minor number.
constexpr uint32_t kMaxMajor = (1u << 12) - 1;
constexpr uint32_t kMaxMinor = (1u << 20) - 1;

using Words = std::vector<absl::string_view>;

absl::StatusOr<uint32_t> Number(absl::string_view what, absl::string_view word, int base,
                                uint32_t max) {
  uint32_t value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value, base);
  if (error != std::errc() || stop != end || value > max) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " '", word, "' is not a number of base ", base, " up to ", max));
  }
  return value;
}

// Words 2 to 4 of an entry that has them.
absl::StatusOr<FileMetadata> MetadataOf(const Words& words) {
  FileMetadata metadata;
  ASSIGN_OR_RETURN(metadata.permissions, Number("mode", words[2], 8, kMaxPermissions));
  ASSIGN_OR_RETURN(metadata.uid, Number("uid", words[3], 10, UINT32_MAX));
  ASSIGN_OR_RETURN(metadata.gid, Number("gid", words[4], 10, UINT32_MAX));
  return metadata;
}

absl::Status ExpectWords(const Words& words, size_t count) {
  if (words.size() == count) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(words[0], " takes ", count - 1, " words, not ", words.size() - 1));
}

absl::Status AddEntry(const Words& words, FileTree& tree) {
  if (words[0] == "dir") {
    RETURN_IF_ERROR(ExpectWords(words, 5));
    ASSIGN_OR_RETURN(FileMetadata metadata, MetadataOf(words));
    return tree.AddDirectory(words[1], std::move(metadata));
  }
  if (words[0] == "file") {
    RETURN_IF_ERROR(ExpectWords(words, 6));
    ASSIGN_OR_RETURN(FileMetadata metadata, MetadataOf(words));
    ASSIGN_OR_RETURN(FileContents contents, tree.spool().AddHostFile(std::string(words[5])));
    return tree.AddFile(words[1], std::move(metadata), std::move(contents));
  }
  if (words[0] == "link") {
    RETURN_IF_ERROR(ExpectWords(words, 3));
    return tree.AddSymlink(words[1], {}, words[2]);
  }
  if (words[0] == "char" || words[0] == "block") {
    RETURN_IF_ERROR(ExpectWords(words, 7));
    ASSIGN_OR_RETURN(FileMetadata metadata, MetadataOf(words));
    ASSIGN_OR_RETURN(const uint32_t major, Number("major", words[5], 10, kMaxMajor));
    ASSIGN_OR_RETURN(const uint32_t minor, Number("minor", words[6], 10, kMaxMinor));
    return tree.AddSpecial(words[1], std::move(metadata),
                           words[0] == "char" ? FileType::kCharacterDevice : FileType::kBlockDevice,
                           major, minor);
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown kind '", words[0], "'"));
}

}  // namespace

absl::Status AddManifest(absl::string_view manifest, FileTree& tree) {
  int number = 0;
  for (absl::string_view line : absl::StrSplit(manifest, '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    const Words words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty()) continue;
    if (const absl::Status status = AddEntry(words, tree); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace voidbox
