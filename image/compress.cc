#include "image/compress.h"

#include <lz4hc.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest one, in gzip's format: its time is 0 then
constexpr int kZstdLevel = 19;        // the highest whose window every kernel has room for
// lz4's lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c of Linux.
constexpr uint32_t kLz4LegacyMagic = 0x184C2102;
constexpr size_t kLz4LegacyBlockBytes = 8 << 20;

void AppendLittleEndian(std::string& to, uint32_t number) {
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<char>(number >> (8 * i)));
}

absl::StatusOr<std::string> Gzip(absl::string_view data) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, /*memLevel=*/9,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return absl::ResourceExhaustedError("gzip: no memory");
  }
  std::string packed;
  std::string piece(256 << 10, '\0');
  // zlib does not write to its input, whatever its types say.
  std::string input(data);
  size_t offset = 0;
  int result = Z_OK;
  while (result == Z_OK) {
    if (stream.avail_in == 0) {
      const size_t size = std::min<size_t>(input.size() - offset, 1 << 30);
      stream.next_in = static_cast<Bytef*>(static_cast<void*>(input.data() + offset));
      stream.avail_in = static_cast<uInt>(size);
      offset += size;
    }
    stream.next_out = static_cast<Bytef*>(static_cast<void*>(piece.data()));
    stream.avail_out = static_cast<uInt>(piece.size());
    result = deflate(&stream, offset == input.size() ? Z_FINISH : Z_NO_FLUSH);
    packed.append(piece, 0, piece.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return absl::InternalError(absl::StrCat("gzip: error ", result));
  return packed;
}

absl::StatusOr<std::string> Lz4(absl::string_view data) {
  std::string packed;
  AppendLittleEndian(packed, kLz4LegacyMagic);
  std::string block(LZ4_compressBound(kLz4LegacyBlockBytes), '\0');
  while (!data.empty()) {
    const absl::string_view piece = data.substr(0, kLz4LegacyBlockBytes);
    const int size = LZ4_compress_HC(piece.data(), block.data(), static_cast<int>(piece.size()),
                                     static_cast<int>(block.size()), LZ4HC_CLEVEL_MAX);
    if (size <= 0) return absl::InternalError("lz4: could not compress");
    AppendLittleEndian(packed, static_cast<uint32_t>(size));
    packed.append(block, 0, static_cast<size_t>(size));
    data.remove_prefix(piece.size());
  }
  return packed;
}

absl::StatusOr<std::string> Zstd(absl::string_view data) {
  std::string packed(ZSTD_compressBound(data.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), data.data(), data.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0) {
    return absl::InternalError(absl::StrCat("zstd: ", ZSTD_getErrorName(size)));
  }
  packed.resize(size);
  return packed;
}

}  // namespace

Compression CompressionOfName(absl::string_view name) {
  if (absl::EndsWith(name, ".gz")) return Compression::kGzip;
  if (absl::EndsWith(name, ".lz4")) return Compression::kLz4;
  if (absl::EndsWith(name, ".zst")) return Compression::kZstd;
  return Compression::kNone;
}

absl::StatusOr<std::string> Compress(absl::string_view data, Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return std::string(data);
    case Compression::kGzip:
      return Gzip(data);
    case Compression::kLz4:
      return Lz4(data);
    case Compression::kZstd:
      return Zstd(data);
  }
  return absl::InternalError("a compression that is none");
}

}  // namespace voidbox
