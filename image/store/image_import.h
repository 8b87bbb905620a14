#ifndef VOIDBOX_IMAGE_STORE_IMAGE_IMPORT_H_
#define VOIDBOX_IMAGE_STORE_IMAGE_IMPORT_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"
#include "image/store/digest.h"
#include "image/store/image_manifest.h"
#include "image/store/progress.h"
#include "image/store/store_layout.h"

namespace voidbox {

// An image on its way into the store. It holds the store's lock for all its life; nothing of it is
// visible before Commit, and what it left is removed when it ends without (or, if it was killed, by
// the next command that changes or lists the images). Any one thread.
class ImageImport {
 public:
  // Waits for the lock. ALREADY_EXISTS when there is an image of that name and not `replace`.
  static absl::StatusOr<ImageImport> Begin(StoreLayout layout, const std::string& name,
                                           bool replace, Progress& progress);
  ImageImport(ImageImport&& other) noexcept = default;
  ImageImport& operator=(ImageImport&&) = delete;
  ~ImageImport();

  // A directory on the store's file system for files that are made for the image, and then added
  // by AddMade without a copy. It is gone with this object.
  const std::string& directory() const { return layout_.incoming.path(); }

  // Adds a copy of the file at `path`; `what` names it in errors and for people: "rootfs disk.img".
  absl::StatusOr<BlobReference> AddFile(const std::string& path, const std::string& kind,
                                        absl::string_view what, Progress& progress);
  // Adds the file directory()/name, which goes into the store.
  absl::StatusOr<BlobReference> AddMade(const std::string& name, const std::string& kind,
                                        Progress& progress);
  absl::StatusOr<BlobReference> AddBytes(absl::string_view bytes, const std::string& kind);

  // Makes the image visible under manifest.name (the one given to Begin), durably; returns the
  // manifest's digest. The blobs that it names have been added. What an image of that name alone
  // needed before goes with this object, unless somebody uses it.
  absl::StatusOr<Digest> Commit(const ImageManifest& manifest);

 private:
  ImageImport(StoreLayout layout, UniqueFd lock, std::string name)
      : layout_(std::move(layout)), lock_(std::move(lock)), name_(std::move(name)) {}
  // Of an added file: synced, read-only, and found by its digest at Commit.
  absl::StatusOr<BlobReference> Stage(const std::string& staged, int fd, Digest digest,
                                      uint64_t bytes, const std::string& kind);
  absl::Status Publish(const Digest& manifest);

  StoreLayout layout_;
  UniqueFd lock_;  // without one, moved from
  std::string name_;
  int next_file_ = 0;
  std::map<Digest, std::string> staged_;  // names in incoming/
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMAGE_IMPORT_H_
