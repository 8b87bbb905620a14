#ifndef VOIDBOX_TOOLS_BENCH_BULK_STREAM_H_
#define VOIDBOX_TOOLS_BENCH_BULK_STREAM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/bench/bulk_data.h"

namespace voidbox::bench {

// The two ends of a bulk transfer over a blocking stream. With `checked` the result holds the
// checksum of all words, else zero.

// Sends `blocks` blocks.
absl::StatusOr<BulkReply> SendBlocks(int stream, uint64_t blocks, bool checked);
// Takes `blocks` blocks. OUT_OF_RANGE when the stream ends before, DATA_LOSS when a block is out of
// its order (seen even when not checked).
absl::StatusOr<BulkReply> ReceiveBlocks(int stream, uint64_t blocks, bool checked);

// Plain structs over the stream.
absl::Status SendRequest(int stream, const BulkRequest& request);
absl::StatusOr<BulkRequest> ReceiveRequest(int stream);
absl::Status SendReply(int stream, const BulkReply& reply);
absl::StatusOr<BulkReply> ReceiveReply(int stream);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_BULK_STREAM_H_
