#include "image/oci_json_files.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bounded_json.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// An image has two descriptions of a few kilobytes; a saved repository has some hundreds.
constexpr uint64_t kMaxBytes = uint64_t{64} << 20;
constexpr size_t kMaxReads = 2000;

absl::StatusOr<std::string> ReadSmall(const ByteSource& source, uint64_t size) {
  if (size > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(size, " bytes are more than the limit of ", kMaxJsonBytes));
  }
  std::string text(size + 1, '\0');  // one more, to see a file that grew
  size_t done = 0;
  for (size_t got = 1; got != 0 && done < text.size(); done += got) {
    ASSIGN_OR_RETURN(got, source(text.data() + done, text.size() - done));
  }
  text.resize(done);
  return text;
}

}  // namespace

absl::Status NamedStatus(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(absl::CHexEscape(name), ": ", status.message()));
}

absl::StatusOr<std::string> OciJsonFiles::Read(const std::string& path, const std::string& hex,
                                               uint64_t size) {
  ASSIGN_OR_RETURN(VerifiedFile file, VerifiedFile::Open(files_, path, hex, size));
  bytes_ += file.size();
  if (++reads_ > kMaxReads || bytes_ > kMaxBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more descriptions of images than the limit of ", kMaxReads, " files and ",
                     kMaxBytes, " bytes"));
  }
  absl::StatusOr<std::string> text = ReadSmall(file.Source(), file.size());
  if (!text.ok()) return NamedStatus(path, text.status());
  RETURN_IF_ERROR(file.Finish());
  return text;
}

}  // namespace voidbox
