#include "image/tar_sparse.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kNumberBytes = 12;  // of the old form
constexpr size_t kMaxDigits = 20;    // of 64 bits

// struct oldgnu_header and struct sparse_header of GNU tar.
constexpr size_t kHeaderSegments = 386;
constexpr size_t kHeaderSegmentCount = 4;
constexpr size_t kHeaderHasMore = 482;
constexpr size_t kHeaderFileBytes = 483;
constexpr size_t kBlockSegmentCount = 21;
constexpr size_t kBlockHasMore = 504;

absl::Status NoMap() { return absl::DataLossError("damaged: the map of its holes is none"); }

absl::Status TooManySegments() {
  return absl::ResourceExhaustedError(
      absl::StrCat("a file with more pieces than the limit of ", kMaxTarSegments));
}

absl::Status AddSegment(uint64_t offset, uint64_t length, TarSparseMap& map) {
  if (map.size() >= kMaxTarSegments) return TooManySegments();
  map.push_back({.offset = offset, .length = length});
  return absl::OkStatus();
}

absl::Status ReadSegments(absl::string_view fields, size_t count, TarSparseMap& map) {
  for (size_t i = 0; i < count; ++i) {
    const absl::string_view pair = fields.substr(i * 2 * kNumberBytes, 2 * kNumberBytes);
    if (pair[0] == '\0') return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t offset, ParseTarNumber(pair.substr(0, kNumberBytes)));
    ASSIGN_OR_RETURN(const int64_t length, ParseTarNumber(pair.substr(kNumberBytes)));
    if (offset < 0 || length < 0) return NoMap();
    RETURN_IF_ERROR(AddSegment(static_cast<uint64_t>(offset), static_cast<uint64_t>(length), map));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OldSparsePart> ReadOldSparseHeader(absl::string_view block, TarSparseMap& map) {
  RETURN_IF_ERROR(ReadSegments(block.substr(kHeaderSegments), kHeaderSegmentCount, map));
  ASSIGN_OR_RETURN(const int64_t bytes,
                   ParseTarNumber(block.substr(kHeaderFileBytes, kNumberBytes)));
  if (bytes < 0) return NoMap();
  return OldSparsePart{.has_more = block[kHeaderHasMore] != '\0',
                       .file_bytes = static_cast<uint64_t>(bytes)};
}

absl::StatusOr<OldSparsePart> ReadOldSparseBlock(absl::string_view block, TarSparseMap& map) {
  RETURN_IF_ERROR(ReadSegments(block, kBlockSegmentCount, map));
  return OldSparsePart{.has_more = block[kBlockHasMore] != '\0'};
}

absl::StatusOr<TarSparseMap> ReadPaxSparse(const PaxRecords& records) {
  // Both forms are numbers in pairs, an offset and a length; the older one has a record for each.
  std::vector<uint64_t> numbers;
  const auto add = [&](absl::string_view text) -> absl::Status {
    if (numbers.size() >= 2 * kMaxTarSegments) return TooManySegments();
    ASSIGN_OR_RETURN(const uint64_t number, ParsePaxNumber(text));
    numbers.push_back(number);
    return absl::OkStatus();
  };
  for (const auto& [key, value] : records) {
    if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      const bool is_length = key == "GNU.sparse.numbytes";
      if ((numbers.size() % 2 == 1) != is_length) return NoMap();
      RETURN_IF_ERROR(add(value));
    } else if (key == "GNU.sparse.map") {
      numbers.clear();
      for (const absl::string_view number : absl::StrSplit(value, ',', absl::SkipEmpty())) {
        RETURN_IF_ERROR(add(number));
      }
    }
  }
  if (numbers.size() % 2 != 0) return NoMap();
  TarSparseMap map;
  for (size_t i = 0; i < numbers.size(); i += 2) {
    map.push_back({.offset = numbers[i], .length = numbers[i + 1]});
  }
  return map;
}

absl::Status TarSparseText::AddNumber() {
  ASSIGN_OR_RETURN(const uint64_t number, ParsePaxNumber(digits_));
  digits_.clear();
  if (!has_count_) {
    if (number > kMaxTarSegments) return TooManySegments();
    has_count_ = true;
    numbers_left_ = 2 * number;
    return absl::OkStatus();
  }
  if (numbers_left_ % 2 == 0) {
    map_.push_back({.offset = number});
  } else {
    map_.back().length = number;
  }
  --numbers_left_;
  return absl::OkStatus();
}

absl::Status TarSparseText::Add(absl::string_view block) {
  for (const char c : block) {
    if (is_whole()) return absl::OkStatus();  // the rest is padding
    if (c == '\n') {
      RETURN_IF_ERROR(AddNumber());
    } else if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
               digits_.size() >= kMaxDigits) {
      return NoMap();
    } else {
      digits_.push_back(c);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSparseMap(const TarSparseMap& map, uint64_t file_bytes, uint64_t data_bytes) {
  uint64_t end = 0;
  for (const TarSegment& segment : map) {
    if (segment.offset < end || segment.offset > file_bytes ||
        segment.length > file_bytes - segment.offset || segment.length > data_bytes) {
      return absl::DataLossError("damaged: the map of its holes does not fit the file");
    }
    end = segment.offset + segment.length;
    data_bytes -= segment.length;
  }
  return absl::OkStatus();
}

}  // namespace voidbox
