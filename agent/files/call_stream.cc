#include "agent/files/call_stream.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Data and its envelope: a tag and a length.
constexpr size_t kMaxClientFrameBytes = CallStream::kMaxDataBytes + 16;
constexpr size_t kMaxHeaderBytes = kFrameHeaderBytes + 16;
// Smaller pieces are copied together, larger ones sent from where they are.
constexpr size_t kCopyLimit = 32 << 10;

constexpr uint32_t DataTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

// The data of a ClientFrame that is nothing else, as every sender writes it, in place.
bool TakeData(absl::string_view payload, absl::string_view& data) {
  CodedInputStream in(static_cast<const uint8_t*>(static_cast<const void*>(payload.data())),
                      static_cast<int>(payload.size()));
  uint32_t size = 0;
  if (in.ReadTag() != DataTag(agent::ClientFrame::kDataFieldNumber) || !in.ReadVarint32(&size)) {
    return false;
  }
  const auto begin = static_cast<size_t>(in.CurrentPosition());
  if (payload.size() - begin != size) return false;
  data = payload.substr(begin);
  return true;
}

absl::Status HungUp() { return absl::CancelledError("the host has hung up"); }

absl::Status WriteVector(int stream, std::span<iovec> pieces) {
  iovec* first = pieces.data();
  auto count = static_cast<int>(pieces.size());
  for (;;) {
    ssize_t written = ::writev(stream, first, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno == EPIPE || errno == ECONNRESET)) return HungUp();
    if (written < 0) return ErrnoStatus("write to the host");
    while (count > 0 && static_cast<size_t>(written) >= first->iov_len) {
      written -= static_cast<ssize_t>(first->iov_len);
      ++first;
      --count;
    }
    if (count == 0) return absl::OkStatus();
    first->iov_base = static_cast<char*>(first->iov_base) + written;
    first->iov_len -= static_cast<size_t>(written);
  }
}

}  // namespace

CallStream::CallStream(int stream)
    : stream_(stream), input_(new char[kMaxClientFrameBytes]), output_(new char[kMaxDataBytes]) {
  // Of the socket, whose other holder has given it up.
  ::fcntl(stream_, F_SETFL, 0);
}

absl::Status CallStream::Send(const agent::ServerFrame& frame) {
  RETURN_IF_ERROR(FlushData());
  std::string bytes;
  RETURN_IF_ERROR(AppendFrame(frame, bytes));
  std::array<iovec, 1> piece = {iovec{bytes.data(), bytes.size()}};
  return WriteVector(stream_, piece);
}

absl::Status CallStream::SendData(absl::string_view data) {
  while (!data.empty()) {
    const absl::string_view piece = data.substr(0, kMaxDataBytes - output_size_);
    data.remove_prefix(piece.size());
    if (piece.size() >= kCopyLimit || output_size_ + piece.size() == kMaxDataBytes) {
      RETURN_IF_ERROR(SendDataFrame(piece));
      continue;
    }
    std::memcpy(output_.get() + output_size_, piece.data(), piece.size());
    output_size_ += piece.size();
  }
  return absl::OkStatus();
}

absl::Status CallStream::FlushData() {
  return output_size_ == 0 ? absl::OkStatus() : SendDataFrame("");
}

// Of what waits, and `data` after it.
absl::Status CallStream::SendDataFrame(absl::string_view data) {
  const size_t size = output_size_ + data.size();
  std::array<uint8_t, kMaxHeaderBytes> header;
  uint8_t* end = CodedOutputStream::WriteTagToArray(DataTag(agent::ServerFrame::kDataFieldNumber),
                                                    header.data() + kFrameHeaderBytes);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), end);
  const auto header_size = static_cast<size_t>(end - header.data());
  CodedOutputStream::WriteLittleEndian32ToArray(
      static_cast<uint32_t>(header_size - kFrameHeaderBytes + size), header.data());
  // writev(2) takes what it takes to read into, and changes nothing.
  std::array<iovec, 3> pieces = {iovec{header.data(), header_size},
                                 iovec{output_.get(), output_size_},
                                 iovec{const_cast<char*>(data.data()), data.size()}};
  output_size_ = 0;
  return WriteVector(stream_, pieces);
}

absl::StatusOr<absl::string_view> CallStream::ReceiveFrame() {
  std::array<uint8_t, kFrameHeaderBytes> header;
  ASSIGN_OR_RETURN(
      const size_t got,
      ReadUpTo(stream_, static_cast<char*>(static_cast<void*>(header.data())), header.size()));
  if (got != header.size()) return HungUp();
  uint32_t size = 0;
  CodedInputStream::ReadLittleEndian32FromArray(header.data(), &size);
  if (size > kMaxClientFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame of ", size, " bytes is longer than the limit of ", kMaxClientFrameBytes));
  }
  ASSIGN_OR_RETURN(const size_t body, ReadUpTo(stream_, input_.get(), size));
  if (body != size) return HungUp();
  return absl::string_view(input_.get(), size);
}

absl::StatusOr<absl::string_view> CallStream::ReceiveData() {
  while (!input_ended_) {
    ASSIGN_OR_RETURN(const absl::string_view payload, ReceiveFrame());
    absl::string_view data;
    if (TakeData(payload, data)) {
      if (data.empty()) continue;
      return data;
    }
    agent::ClientFrame frame;
    if (!frame.ParseFromArray(payload.data(), static_cast<int>(payload.size())) ||
        !frame.has_end_data()) {
      return absl::InvalidArgumentError("frame: neither data nor end_data");
    }
    input_ended_ = true;
  }
  return absl::string_view();
}

}  // namespace voidbox
