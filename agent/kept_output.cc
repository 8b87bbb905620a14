#include "agent/kept_output.h"

#include <algorithm>
#include <cstring>

namespace voidbox {
namespace {

// Bounds what the list of pieces costs when both streams are written to by turns.
constexpr size_t kMaxPieces = 4096;

}  // namespace

void KeptOutput::Append(Connection::Output output, absl::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || pieces_.back().output != output) pieces_.push_back({output, 0});
  pieces_.back().size += bytes.size();
  bytes_.Append(bytes);
  if (bytes_.size() > kMaxBytes) DropFirst(bytes_.size() - kMaxBytes);
  if (pieces_.size() > kMaxPieces) DropFirst(pieces_.front().size);
}

void KeptOutput::DropFirst(size_t size) {
  lost_bytes_ += size;
  bytes_.Consume(size);
  while (size != 0) {
    Piece& first = pieces_.front();
    const size_t dropped = std::min(size, first.size);
    size -= dropped;
    first.size -= dropped;
    if (first.size == 0) pieces_.pop_front();
  }
}

void KeptOutput::SendTo(Connection& connection) const {
  absl::string_view rest = bytes_.contents();
  for (const Piece& piece : pieces_) {
    for (size_t left = piece.size; left != 0;) {
      const size_t size = std::min(left, Connection::kMaxOutputPieceBytes);
      std::memcpy(connection.ReserveOutput(), rest.data(), size);
      connection.CommitOutput(piece.output, size);
      rest.remove_prefix(size);
      left -= size;
    }
  }
}

}  // namespace voidbox
