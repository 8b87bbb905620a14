#include "tools/bench/bulk_stream.h"

#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox::bench {
namespace {

char* Bytes(Block& block) { return static_cast<char*>(static_cast<void*>(block.data())); }

template <typename T>
absl::Status SendStruct(int stream, const T& value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  return WriteAll(stream, absl::string_view(bytes.data(), bytes.size()));
}

template <typename T>
absl::StatusOr<T> ReceiveStruct(int stream) {
  std::array<char, sizeof(T)> bytes;
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(stream, bytes.data(), bytes.size()));
  if (got != bytes.size()) {
    return absl::OutOfRangeError(
        absl::StrCat("the stream ended after ", got, " of ", bytes.size(), " bytes"));
  }
  return std::bit_cast<T>(bytes);
}

}  // namespace

absl::StatusOr<BulkReply> SendBlocks(int stream, uint64_t blocks, bool checked) {
  Block block = MakeBlock();
  uint64_t sum = kChecksumStart;
  for (uint64_t index = 0; index < blocks; ++index) {
    SetIndex(block, index);
    if (checked) sum = Checksum(block, sum);
    RETURN_IF_ERROR(WriteAll(stream, absl::string_view(Bytes(block), kBlockBytes)));
  }
  return BulkReply{blocks, checked ? sum : 0};
}

absl::StatusOr<BulkReply> ReceiveBlocks(int stream, uint64_t blocks, bool checked) {
  Block block(kBlockWords);
  uint64_t sum = kChecksumStart;
  for (uint64_t index = 0; index < blocks; ++index) {
    ASSIGN_OR_RETURN(const size_t got, ReadUpTo(stream, Bytes(block), kBlockBytes));
    if (got != kBlockBytes) {
      return absl::OutOfRangeError(
          absl::StrCat("the stream ended in block ", index, " of ", blocks));
    }
    if (block[0] != index) {
      return absl::DataLossError(absl::StrCat("block ", block[0], " came instead of ", index));
    }
    if (checked) sum = Checksum(block, sum);
  }
  return BulkReply{blocks, checked ? sum : 0};
}

absl::Status SendRequest(int stream, const BulkRequest& request) {
  return SendStruct(stream, request);
}
absl::StatusOr<BulkRequest> ReceiveRequest(int stream) {
  return ReceiveStruct<BulkRequest>(stream);
}
absl::Status SendReply(int stream, const BulkReply& reply) { return SendStruct(stream, reply); }
absl::StatusOr<BulkReply> ReceiveReply(int stream) { return ReceiveStruct<BulkReply>(stream); }

}  // namespace voidbox::bench
