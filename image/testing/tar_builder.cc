#include "image/testing/tar_builder.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"

namespace voidbox {
namespace {

constexpr size_t kBlockBytes = 512;

void Set(std::string& header, size_t offset, size_t size, absl::string_view value) {
  Check(value.size() <= size, "the value fits its field");
  header.replace(offset, value.size(), std::string(value));
}

}  // namespace

TarBuilder& TarBuilder::Add(const Entry& entry) {
  if (!entry.pax.empty()) {
    std::string records;
    for (const auto& [key, value] : entry.pax) {
      // The length of a record counts its own digits.
      const size_t rest = key.size() + value.size() + 3;
      size_t length = rest + 1;
      while (absl::StrCat(length).size() + rest != length) ++length;
      absl::StrAppend(&records, length, " ", key, "=", value, "\n");
    }
    AddBlocks({.name = "pax", .type = 'x', .data = records});
  }
  AddBlocks(entry);
  return *this;
}

void TarBuilder::AddBlocks(const Entry& entry) {
  std::string header(kBlockBytes, '\0');
  Set(header, 0, 100, entry.name);
  Set(header, 100, 8, absl::StrFormat("%07o", entry.mode));
  Set(header, 108, 8, absl::StrFormat("%07o", entry.uid));
  Set(header, 116, 8, absl::StrFormat("%07o", entry.gid));
  Set(header, 124, 12, absl::StrFormat("%011o", entry.data.size()));
  Set(header, 136, 12, absl::StrFormat("%011o", entry.mtime));
  Set(header, 148, 8, "        ");
  Set(header, 156, 1, std::string(1, entry.type));
  Set(header, 157, 100, entry.link);
  Set(header, 257, 8,
      absl::string_view("ustar\0"
                        "00",
                        8));
  Set(header, 329, 8, absl::StrFormat("%07o", entry.major));
  Set(header, 337, 8, absl::StrFormat("%07o", entry.minor));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  Set(header, 148, 8, absl::string_view(absl::StrFormat("%06o", sum) + std::string("\0 ", 2)));
  bytes_ += header + entry.data;
  bytes_.append((kBlockBytes - entry.data.size() % kBlockBytes) % kBlockBytes, '\0');
}

std::string Pack(absl::string_view data, const std::string& filter) {
  std::string packed(data.size() + (64 << 10), '\0');
  size_t used = 0;
  archive* const writer = archive_write_new();
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_pathname(entry, "data");
  Check(archive_write_set_format_raw(writer) == ARCHIVE_OK &&
            archive_write_add_filter_by_name(writer, filter.c_str()) == ARCHIVE_OK &&
            archive_write_set_bytes_per_block(writer, 0) == ARCHIVE_OK &&
            archive_write_open_memory(writer, packed.data(), packed.size(), &used) == ARCHIVE_OK &&
            archive_write_header(writer, entry) == ARCHIVE_OK &&
            archive_write_data(writer, data.data(), data.size()) ==
                static_cast<la_ssize_t>(data.size()) &&
            archive_write_close(writer) == ARCHIVE_OK,
        "libarchive packs");
  archive_entry_free(entry);
  archive_write_free(writer);
  packed.resize(used);
  return packed;
}

ByteSource StringSource(std::string data, size_t piece) {
  return [data = std::move(data), piece, offset = size_t{0}](
             char* to, size_t size) mutable -> absl::StatusOr<size_t> {
    const size_t got = std::min({size, piece, data.size() - offset});
    std::copy_n(data.begin() + static_cast<ptrdiff_t>(offset), got, to);
    offset += got;
    return got;
  };
}

}  // namespace voidbox
