#include "image/content_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/read_at.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

std::string DefaultDirectory() {
  const char* const directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/tmp";
}

absl::Status WriteAllAt(int fd, uint64_t offset, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("temporary file of the image's contents");
    data.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ContentSpool> ContentSpool::Create(const ContentSpoolLimits& limits,
                                                  const std::string& directory) {
  const std::string where = directory.empty() ? DefaultDirectory() : directory;
  UniqueFd fd(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR)) {  // not every file system has O_TMPFILE
    std::string name = absl::StrCat(where, "/voidbox-image.XXXXXX");
    fd.Reset(::mkostemp(name.data(), O_CLOEXEC));
    if (fd) ::unlink(name.c_str());
  }
  if (!fd) return ErrnoStatus(absl::StrCat("temporary file in ", where));
  return ContentSpool(std::move(fd), limits);
}

absl::Status ContentSpool::Writer::WriteAt(uint64_t offset, absl::string_view data) {
  if (offset < end_) {
    return absl::InvalidArgumentError(absl::StrCat("file contents: data at byte ", offset,
                                                   " comes after data up to byte ", end_));
  }
  const ContentSpoolLimits& limits = spool_.limits_;
  if (offset > limits.max_file_bytes || data.size() > limits.max_file_bytes - offset) {
    return absl::ResourceExhaustedError(absl::StrCat("file contents: data up to byte ", offset,
                                                     " + ", data.size(), " is beyond the limit of ",
                                                     limits.max_file_bytes, " bytes a file"));
  }
  if (data.size() > limits.max_bytes - spool_.bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("file contents: ", spool_.bytes_, " + ", data.size(),
                     " bytes in all files are more than the limit of ", limits.max_bytes));
  }
  if (data.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(WriteAllAt(spool_.fd_.get(), spool_.bytes_, data));
  hash_.Update(data);
  std::vector<FileContents::Segment>& segments = contents_.segments;
  if (!segments.empty() && offset == end_ &&
      segments.back().spool_offset + segments.back().length == spool_.bytes_) {
    segments.back().length += data.size();
  } else if (segments.size() >= limits.max_segments) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "file contents: more than ", limits.max_segments, " pieces of data between holes"));
  } else {
    segments.push_back({.offset = offset, .length = data.size(), .spool_offset = spool_.bytes_});
  }
  spool_.bytes_ += data.size();
  end_ = offset + data.size();
  return absl::OkStatus();
}

absl::StatusOr<FileContents> ContentSpool::Writer::Finish(uint64_t size) {
  if (size < end_) {
    return absl::InvalidArgumentError(
        absl::StrCat("file contents: ", end_, " bytes came for a file of ", size));
  }
  if (size > spool_.limits_.max_file_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("file contents: a size of ", size, " bytes is more than the limit of ",
                     spool_.limits_.max_file_bytes, " bytes a file"));
  }
  contents_.size = size;
  contents_.data_digest = hash_.Finish();
  return std::move(contents_);
}

absl::StatusOr<FileContents> ContentSpool::Add(absl::string_view data) {
  Writer writer(*this);
  RETURN_IF_ERROR(writer.Append(data));
  return writer.Finish();
}

absl::StatusOr<FileContents> ContentSpool::AddHostFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  Writer writer(*this);
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    absl::StatusOr<size_t> got = ReadUpTo(fd.get(), piece.data(), piece.size());
    if (!got.ok()) {
      return absl::Status(got.status().code(), absl::StrCat(path, ": ", got.status().message()));
    }
    if (const absl::Status status = writer.Append(absl::string_view(piece).substr(0, *got));
        !status.ok()) {
      return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
    }
    if (*got < piece.size()) return writer.Finish();
  }
}

absl::Status ContentSpool::ReadSpool(uint64_t spool_offset, char* data, size_t size) const {
  if (spool_offset > bytes_ || size > bytes_ - spool_offset) {
    return absl::OutOfRangeError(absl::StrCat("file contents: bytes ", spool_offset, " + ", size,
                                              " are not among the ", bytes_, " kept"));
  }
  constexpr char kWhat[] = "temporary file of the image's contents";
  const auto got = ReadUpToAt(fd_.get(), spool_offset, data, size);
  if (!got.ok()) return About(kWhat, got.status());
  if (*got == size) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(kWhat, ": cut short"));
}

absl::StatusOr<size_t> ContentSpool::Read(const FileContents& contents, uint64_t offset, char* data,
                                          size_t size) const {
  if (offset >= contents.size) return 0;
  size = std::min<uint64_t>(size, contents.size - offset);
  std::memset(data, 0, size);
  // The first segment that ends after `offset`.
  auto segment = std::upper_bound(
      contents.segments.begin(), contents.segments.end(), offset,
      [](uint64_t at, const FileContents::Segment& s) { return at < s.offset + s.length; });
  for (; segment != contents.segments.end() && segment->offset < offset + size; ++segment) {
    const uint64_t begin = std::max(segment->offset, offset);
    const uint64_t end = std::min(segment->offset + segment->length, offset + size);
    RETURN_IF_ERROR(ReadSpool(segment->spool_offset + (begin - segment->offset),
                              data + (begin - offset), end - begin));
  }
  return size;
}

absl::StatusOr<std::string> ContentSpool::ReadAll(const FileContents& contents,
                                                  size_t max_bytes) const {
  if (contents.size > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(contents.size, " bytes are more than the limit of ", max_bytes));
  }
  std::string data(contents.size, '\0');
  ASSIGN_OR_RETURN(const size_t got, Read(contents, 0, data.data(), data.size()));
  data.resize(got);
  return data;
}

}  // namespace voidbox
