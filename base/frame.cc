#include "base/frame.h"

#include <google/protobuf/message_lite.h>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

uint32_t LoadLittleEndian(const char* p) {
  const auto* b = reinterpret_cast<const unsigned char*>(p);
  return b[0] | b[1] << 8 | b[2] << 16 | static_cast<uint32_t>(b[3]) << 24;
}

absl::Status TooLong(size_t length, size_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat("frame of ", length, " bytes is longer than the limit of ", limit));
}

}  // namespace

absl::Status AppendFrame(const google::protobuf::MessageLite& message, std::string& out,
                         size_t max_bytes) {
  const size_t length = message.ByteSizeLong();
  if (length > max_bytes) return TooLong(length, max_bytes);
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(length >> shift));
  message.AppendToString(&out);
  return absl::OkStatus();
}

void FrameReader::Append(absl::string_view bytes) {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  buffer_.append(bytes.data(), bytes.size());
}

void FrameReader::SetMaxBytes(size_t max_bytes) {
  max_bytes_ = max_bytes;
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  buffer_.shrink_to_fit();
}

absl::StatusOr<std::optional<absl::string_view>> FrameReader::Next() {
  const size_t available = buffer_.size() - consumed_;
  if (available < kFrameHeaderBytes) return std::nullopt;
  const size_t length = LoadLittleEndian(buffer_.data() + consumed_);
  if (length > max_bytes_) return TooLong(length, max_bytes_);
  if (available - kFrameHeaderBytes < length) return std::nullopt;
  const absl::string_view payload(buffer_.data() + consumed_ + kFrameHeaderBytes, length);
  consumed_ += kFrameHeaderBytes + length;
  return payload;
}

absl::Status ReadFrame(int fd, google::protobuf::MessageLite& message, size_t max_bytes) {
  char header[kFrameHeaderBytes];
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd, header, sizeof(header)));
  if (got == 0) return absl::OutOfRangeError("end of stream");
  if (got < sizeof(header)) return absl::DataLossError("stream ends inside a frame header");
  const size_t length = LoadLittleEndian(header);
  if (length > max_bytes) return TooLong(length, max_bytes);
  std::string payload(length, '\0');
  ASSIGN_OR_RETURN(const size_t body, ReadUpTo(fd, payload.data(), length));
  if (body < length) {
    return absl::DataLossError(
        absl::StrCat("stream ends after ", body, " of a frame's ", length, " bytes"));
  }
  if (!message.ParseFromString(payload)) {
    return absl::DataLossError(
        absl::StrCat("frame of ", length, " bytes is not a ", message.GetTypeName()));
  }
  return absl::OkStatus();
}

absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message, size_t max_bytes) {
  std::string bytes;
  RETURN_IF_ERROR(AppendFrame(message, bytes, max_bytes));
  return WriteAll(fd, bytes);
}

}  // namespace voidbox
