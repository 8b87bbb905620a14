#ifndef VOIDBOX_IMAGE_OCI_FILES_H_
#define VOIDBOX_IMAGE_OCI_FILES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/byte_source.h"
#include "image/file_tree.h"
#include "image/sha256.h"
#include "image/unpacked_stream.h"

namespace voidbox {

// The files of a container image: an OCI image layout (image-spec, image-layout.md) in a directory
// or in a tar archive, or what `docker save` writes. One thread at a time.
class OciFiles {
 public:
  virtual ~OciFiles() = default;

  struct File {
    uint64_t size = 0;  // bytes
    ByteSource source;  // of all of them, once; it does not outlive the OciFiles
  };
  // `path` is relative, as SplitTreePath takes it. NOT_FOUND when there is none; nothing outside
  // the image is ever opened.
  virtual absl::StatusOr<File> Open(absl::string_view path) const = 0;
};

struct OciFilesOptions {
  FileTreeLimits limits;        // of an archive's files
  std::string spool_directory;  // as in ContentSpool::Create
  UnpackLimits unpack_limits;
  // Called with the bytes read and all there are, while an archive is read; may be null.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// A directory is used where it is; an archive, which may come out of a pipe or ("-") of standard
// input, is unpacked into a temporary file. Errors do not name `path`.
absl::StatusOr<std::unique_ptr<OciFiles>> OpenOciFiles(const std::string& path,
                                                       const OciFilesOptions& options);

// Reads a file while checking that it is the one that a digest names.
class VerifiedFile {
 public:
  // `hex` as in OciDescriptor, or empty when nothing names the file by its digest. INVALID_ARGUMENT
  // unless the file has `size` bytes; 0 means any size.
  static absl::StatusOr<VerifiedFile> Open(const OciFiles& files, const std::string& path,
                                           std::string hex, uint64_t size);

  // Its bytes; to be called on an object that stays where it is.
  ByteSource Source();
  uint64_t size() const { return file_.size; }
  // Reads what is left. DATA_LOSS, with both digests, when the file is not the one that was named.
  absl::Status Finish();

 private:
  VerifiedFile(std::string path, std::string hex, OciFiles::File file)
      : path_(std::move(path)), hex_(std::move(hex)), file_(std::move(file)) {}

  std::string path_;
  std::string hex_;
  OciFiles::File file_;
  Sha256 hash_;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_FILES_H_
