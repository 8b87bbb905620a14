#ifndef VOIDBOX_IMAGE_STORE_IMAGE_STORE_H_
#define VOIDBOX_IMAGE_STORE_IMAGE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "image/store/digest.h"
#include "image/store/garbage.h"
#include "image/store/image_import.h"
#include "image/store/image_manifest.h"
#include "image/store/progress.h"
#include "image/store/store_layout.h"

namespace voidbox {

// An image of the store.
struct Image {
  ImageManifest manifest;
  Digest digest;  // of the manifest, and so of all that it names
  // Sum of its files' sizes; what the disk holds may be less, for holes and shared blobs.
  uint64_t Bytes() const;
};

// The use of an image: as long as this descriptor is open in any process, the image is not
// removed, and its files stay even if another one gets its name.
struct ImageLease {
  Image image;
  UniqueFd descriptor;
};

// The images of one $VOIDBOX_HOME; see StoreLayout. Any number of processes may use it at once; one
// object belongs to one thread. Only the machine whose file system holds the store may change it:
// its locks do not reach into the emulated KVM host.
class ImageStore {
 public:
  // Creates nothing.
  static absl::StatusOr<ImageStore> Open(const std::string& home);

  struct Entry {
    std::string name;
    absl::StatusOr<Image> image;  // why it is broken
  };
  // By name.
  absl::StatusOr<std::vector<Entry>> List() const;

  // NOT_FOUND; DATA_LOSS when the store was damaged; INVALID_ARGUMENT for what is no name.
  absl::StatusOr<Image> Find(const std::string& name) const;
  // The same for running it.
  absl::StatusOr<ImageLease> Use(const std::string& name) const;
  // Whether somebody holds a lease on it.
  bool IsInUse(const Image& image) const;

  // Where the blob is, for those who open it by its path. DATA_LOSS when it is missing, has another
  // size or is no regular file; its digest is not computed.
  absl::StatusOr<std::string> PathOf(const BlobReference& blob) const;
  absl::StatusOr<StoreDirectory::File> OpenBlob(const BlobReference& blob) const;
  // Reads all its blobs; DATA_LOSS names the first that is not what the manifest says.
  absl::Status Verify(const Image& image, Progress& progress) const;

  // Creates the store if need be.
  absl::StatusOr<ImageImport> BeginImport(const std::string& name, bool replace,
                                          Progress& progress);
  // Removes the image and what no other one needs of it; returns the bytes that the disk gained.
  // FAILED_PRECONDITION while it is in use. Broken images can be removed as well.
  absl::StatusOr<uint64_t> Remove(const std::string& name, Progress& progress);
  // Removes, or with `dry_run` only lists, blobs that no image needs.
  absl::StatusOr<std::vector<Garbage>> Prune(bool dry_run, Progress& progress);
  // Removes what a killed import left, unless somebody is changing the store at this moment or it
  // cannot be written to.
  void Tidy();

 private:
  ImageStore(std::string home, std::optional<StoreLayout> layout)
      : home_(std::move(home)), layout_(std::move(layout)) {}
  absl::StatusOr<Image> Load(const std::string& name) const;

  const std::string home_;
  std::optional<StoreLayout> layout_;  // none: no image was ever imported
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMAGE_STORE_H_
