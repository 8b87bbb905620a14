#include "vmm/boot/initramfs_image.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Header of an entry: six characters of magic, then 13 numbers of eight hexadecimal digits.
constexpr size_t kHeaderBytes = 110;
constexpr size_t kMagicBytes = 6;
constexpr size_t kDigits = 8;
constexpr size_t kFileSizeField = 6;
constexpr size_t kNameSizeField = 11;
constexpr size_t kAlignment = 4;          // of headers and contents, from the file's start
constexpr uint64_t kMaxNameBytes = 4096;  // PATH_MAX; the kernel skips entries with longer ones
constexpr absl::string_view kLastName("TRAILER!!!\0", 11);

// First bytes of what the kernel can be configured to decompress (lib/decompress.c).
struct Packing {
  absl::string_view magic;
  absl::string_view name;
};
constexpr std::array<Packing, 8> kPackings = {{{"\x1f\x8b", "gzip"},
                                               {"\x1f\x9e", "gzip"},
                                               {"BZ", "bzip2"},
                                               {absl::string_view("\x5d\x00", 2), "lzma"},
                                               {"\xfd\x37", "xz"},
                                               {"\x89\x4c", "lzo"},
                                               {"\x02\x21", "lz4"},
                                               {"\x28\xb5", "zstd"}}};

absl::string_view AsText(std::span<const std::byte> file) {
  return {static_cast<const char*>(static_cast<const void*>(file.data())), file.size()};
}

bool IsCpioMagic(absl::string_view text) {
  return absl::StartsWith(text, "070701") || absl::StartsWith(text, "070702");
}

absl::Status Truncated(size_t offset, size_t size) {
  return absl::InvalidArgumentError(absl::StrCat("the cpio entry at byte ", offset,
                                                 " goes on behind the file's ", size,
                                                 " bytes: the file is truncated"));
}

// The digit's value, or -1. A boot reads some thousand of them, for which absl's parser, made for
// all bases, takes ten times as long.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<uint64_t> Field(absl::string_view header, size_t index, size_t offset) {
  const absl::string_view digits = header.substr(kMagicBytes + index * kDigits, kDigits);
  uint64_t value = 0;
  for (const char digit : digits) {
    const int number = HexDigit(digit);
    if (number < 0) {
      return absl::InvalidArgumentError(absl::StrCat("the cpio entry at byte ", offset, " has '",
                                                     absl::CHexEscape(digits),
                                                     "' where a number should be"));
    }
    value = value << 4 | static_cast<uint64_t>(number);
  }
  return value;
}

size_t Aligned(size_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

// Whether an entry of this name, with its zero byte, is what the kernel executes first.
bool IsInit(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "./")) absl::ConsumePrefix(&name, "/");
  return name == absl::string_view("init\0", 5);
}

// The offset behind the archive that begins at `offset`. Sets `has_init` if it has /init.
absl::StatusOr<size_t> WalkArchive(absl::string_view file, size_t offset, bool& has_init) {
  for (;;) {
    const absl::string_view rest = file.substr(offset);
    if (rest.size() < kHeaderBytes) return Truncated(offset, file.size());
    if (!IsCpioMagic(rest)) {
      return absl::InvalidArgumentError(
          absl::StrCat("no cpio entry at byte ", offset, ", where the archive goes on"));
    }
    ASSIGN_OR_RETURN(const uint64_t name_bytes, Field(rest, kNameSizeField, offset));
    ASSIGN_OR_RETURN(const uint64_t file_bytes, Field(rest, kFileSizeField, offset));
    if (name_bytes == 0 || name_bytes > kMaxNameBytes) {
      return absl::InvalidArgumentError(absl::StrCat("the cpio entry at byte ", offset,
                                                     " has a name of ", name_bytes,
                                                     " bytes, expected 1 to ", kMaxNameBytes));
    }
    const size_t contents = Aligned(offset + kHeaderBytes + name_bytes);
    if (contents > file.size()) {
      if (rest.substr(kHeaderBytes) == kLastName) return file.size();
      return Truncated(offset, file.size());
    }
    const absl::string_view name = rest.substr(kHeaderBytes, name_bytes);
    if (name == kLastName) return contents;
    has_init = has_init || IsInit(name);
    if (file_bytes > file.size() - contents) return Truncated(offset, file.size());
    offset = Aligned(contents + file_bytes);
    if (offset >= file.size()) {
      return absl::InvalidArgumentError(
          "the cpio archive ends without its last entry, TRAILER!!!: the file is truncated");
    }
  }
}

}  // namespace

absl::StatusOr<InitramfsContents> CheckInitramfs(std::span<const std::byte> bytes) {
  const absl::string_view file = AsText(bytes);
  InitramfsContents found = {.packed_at = file.size()};
  size_t offset = 0;
  for (bool first = true;; first = false) {
    const size_t next = file.find_first_not_of('\0', offset);
    if (next == absl::string_view::npos) {
      if (!first) return found;
      return absl::InvalidArgumentError("nothing but zeroes, expected a cpio archive");
    }
    const absl::string_view rest = file.substr(next);
    if (IsCpioMagic(rest) && next % kAlignment == 0) {
      ASSIGN_OR_RETURN(offset, WalkArchive(file, next, found.has_init));
      continue;
    }
    const auto packing = std::find_if(kPackings.begin(), kPackings.end(), [&](const Packing& one) {
      return absl::StartsWith(rest, one.magic);
    });
    if (packing != kPackings.end()) {
      found.packing = packing->name;
      found.packed_at = next;
      return found;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("'", absl::CHexEscape(rest.substr(0, kMagicBytes)), "' at byte ", next,
                     " begins neither a cpio archive (newc) nor a compressed one (gzip, bzip2, "
                     "lzma, xz, lzo, lz4, zstd)"));
  }
}

}  // namespace voidbox
