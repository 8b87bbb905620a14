#include "image/decompress.h"

#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr int kGzipWindow = 15 + 16;  // the largest one, in gzip's format
constexpr int kZstdWindowLog = 27;    // 128 MiB: lib/decompress_unzstd.c
// lz4's lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c of Linux.
constexpr uint32_t kLz4LegacyMagic = 0x184C2102;
constexpr size_t kLz4LegacyBlockBytes = 8 << 20;
constexpr size_t kLz4SizeBytes = 4;

absl::Status Damaged(size_t offset, const char* why) {
  return absl::DataLossError(
      absl::StrCat("damaged or cut short at byte ", offset, " of what is packed: ", why));
}

absl::Status CheckRoom(size_t bytes, uint64_t max_bytes) {
  if (bytes <= max_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("unpacks to more than the limit of ", max_bytes, " bytes"));
}

struct EndInflate {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

absl::StatusOr<Decompressed> Gunzip(std::span<const std::byte> packed, uint64_t max_bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return absl::ResourceExhaustedError("gzip: no memory");
  }
  const std::unique_ptr<z_stream, EndInflate> end(&stream);
  Decompressed done;
  std::string piece(kPieceBytes, '\0');
  std::string input;
  int result = Z_OK;
  while (result == Z_OK) {
    if (stream.avail_in == 0) {
      const std::span<const std::byte> next =
          packed.subspan(done.used, std::min(kPieceBytes, packed.size() - done.used));
      if (next.empty()) return Damaged(done.used, "the end of the gzip stream is missing");
      // zlib does not write to its input, whatever its types say.
      input.assign(static_cast<const char*>(static_cast<const void*>(next.data())), next.size());
      stream.next_in = static_cast<Bytef*>(static_cast<void*>(input.data()));
      stream.avail_in = static_cast<uInt>(input.size());
      done.used += input.size();
    }
    stream.next_out = static_cast<Bytef*>(static_cast<void*>(piece.data()));
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_BUF_ERROR && stream.avail_in == 0) result = Z_OK;  // more input, please
    done.bytes.append(piece, 0, piece.size() - stream.avail_out);
    if (absl::Status room = CheckRoom(done.bytes.size(), max_bytes); !room.ok()) return room;
  }
  done.used -= stream.avail_in;
  if (result == Z_STREAM_END) return done;
  return Damaged(done.used, stream.msg == nullptr ? "no gzip stream" : stream.msg);
}

struct FreeDecompressor {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

absl::StatusOr<Decompressed> Unzstd(std::span<const std::byte> packed, uint64_t max_bytes) {
  const std::unique_ptr<ZSTD_DStream, FreeDecompressor> stream(ZSTD_createDStream());
  if (stream == nullptr) return absl::ResourceExhaustedError("zstd: no memory");
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  Decompressed done;
  std::string piece(kPieceBytes, '\0');
  ZSTD_inBuffer input = {packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer output = {piece.data(), piece.size(), 0};
    const size_t before = input.pos;
    const size_t result = ZSTD_decompressStream(stream.get(), &output, &input);
    if (ZSTD_isError(result)) return Damaged(input.pos, ZSTD_getErrorName(result));
    done.bytes.append(piece, 0, output.pos);
    if (absl::Status room = CheckRoom(done.bytes.size(), max_bytes); !room.ok()) return room;
    if (result == 0) break;
    if (output.pos == 0 && input.pos == before) {
      return Damaged(input.pos, "the end of the zstd frame is missing");
    }
  }
  done.used = input.pos;
  return done;
}

absl::StatusOr<Decompressed> Unlz4(std::span<const std::byte> packed, uint64_t max_bytes) {
  Decompressed done;
  std::string block(kLz4LegacyBlockBytes, '\0');
  while (packed.size() - done.used >= kLz4SizeBytes) {
    uint32_t size = 0;
    for (size_t i = 0; i < kLz4SizeBytes; ++i) {
      size |= std::to_integer<uint32_t>(packed[done.used + i]) << (8 * i);
    }
    if (size != kLz4LegacyMagic && size > packed.size() - done.used - kLz4SizeBytes) {
      return Damaged(done.used, "a block goes on behind the file's end");
    }
    done.used += kLz4SizeBytes;
    if (size == kLz4LegacyMagic) continue;  // of this frame, or of one right behind it
    if (size == 0) return done;
    const int got = LZ4_decompress_safe(
        static_cast<const char*>(static_cast<const void*>(packed.data() + done.used)), block.data(),
        static_cast<int>(size), static_cast<int>(block.size()));
    if (got < 0) return Damaged(done.used, "no block of lz4");
    done.used += size;
    done.bytes.append(block, 0, static_cast<size_t>(got));
    if (absl::Status room = CheckRoom(done.bytes.size(), max_bytes); !room.ok()) return room;
  }
  if (done.used != packed.size()) return Damaged(done.used, "a part of a block's length");
  return done;
}

}  // namespace

absl::StatusOr<Decompressed> DecompressFirst(std::span<const std::byte> packed,
                                             Compression compression, uint64_t max_bytes) {
  switch (compression) {
    case Compression::kGzip:
      return Gunzip(packed, max_bytes);
    case Compression::kZstd:
      return Unzstd(packed, max_bytes);
    case Compression::kLz4:
      return Unlz4(packed, max_bytes);
    case Compression::kNone:
      break;
  }
  return absl::InvalidArgumentError("nothing is packed");
}

}  // namespace voidbox
