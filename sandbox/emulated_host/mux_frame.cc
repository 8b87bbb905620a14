#include "sandbox/emulated_host/mux_frame.h"

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

void AppendLittleEndian(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t LoadLittleEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

bool LengthFits(MuxFrame::Type type, size_t length) {
  switch (type) {
    case MuxFrame::Type::kData:
      return length >= 1 && length <= kMaxMuxPayload;
    case MuxFrame::Type::kCredit:
      return length == 4;
    case MuxFrame::Type::kOpen:
      return length <= kMaxMuxPurpose;
    case MuxFrame::Type::kFinish:
    case MuxFrame::Type::kReset:
      return length == 0;
  }
  return false;  // unknown type
}

}  // namespace

void AppendMuxFrame(const MuxFrame& frame, std::string& out) {
  const bool credit = frame.type == MuxFrame::Type::kCredit;
  AppendLittleEndian(frame.stream, 4, out);
  AppendLittleEndian(static_cast<uint8_t>(frame.type), 1, out);
  AppendLittleEndian(0, 1, out);
  AppendLittleEndian(credit ? 4 : frame.payload.size(), 2, out);
  if (credit) AppendLittleEndian(frame.credit, 4, out);
  out.append(frame.payload.data(), frame.payload.size());
}

void MuxFrameReader::Append(absl::string_view bytes) {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  buffer_.append(bytes.data(), bytes.size());
}

absl::StatusOr<std::optional<MuxFrame>> MuxFrameReader::Next() {
  const absl::string_view rest = absl::string_view(buffer_).substr(consumed_);
  if (rest.size() < kMuxHeaderBytes) return std::nullopt;
  MuxFrame frame;
  frame.stream = LoadLittleEndian(rest.substr(0, 4));
  frame.type = static_cast<MuxFrame::Type>(rest[4]);
  const size_t length = LoadLittleEndian(rest.substr(6, 2));
  if (rest[5] != 0 || !LengthFits(frame.type, length)) {
    return absl::InvalidArgumentError(absl::StrCat("frame of type ", static_cast<int>(frame.type),
                                                   ", flags ", static_cast<int>(rest[5]), " and ",
                                                   length, " bytes is not of this protocol"));
  }
  if (rest.size() - kMuxHeaderBytes < length) return std::nullopt;
  const absl::string_view payload = rest.substr(kMuxHeaderBytes, length);
  if (frame.type == MuxFrame::Type::kCredit) {
    frame.credit = LoadLittleEndian(payload);
  } else {
    frame.payload = payload;
  }
  consumed_ += kMuxHeaderBytes + length;
  return frame;
}

}  // namespace voidbox
