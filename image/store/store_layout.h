#ifndef VOIDBOX_IMAGE_STORE_STORE_LAYOUT_H_
#define VOIDBOX_IMAGE_STORE_STORE_LAYOUT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "image/store/digest.h"
#include "image/store/progress.h"
#include "image/store/store_directory.h"

namespace voidbox {

// The directories of one image store:
//
//   HOME/images/
//     lock               flock(2), exclusively, by whoever changes the store
//     names/NAME         "sha256:HEX\n": the manifest of the image of that name
//     blobs/sha256/HEX   manifests and the files that they name; never changed, only replaced
//     incoming/          what an import has not finished; what a killed one left
//
// A manifest's blob is locked (flock, shared) by whoever uses its image. Readers take no other
// lock: they see a name before or after a change, never in between.
struct StoreLayout {
  StoreDirectory images, names, blobs, incoming;

  // Of `home`; nullopt when no image was ever imported, and nothing is created.
  static absl::StatusOr<std::optional<StoreLayout>> Open(const std::string& home);
  // Creates what is missing.
  static absl::StatusOr<StoreLayout> Create(const std::string& home);

  // The lock that those who change the store hold. Waits for it; a signal lets `progress` decide
  // whether to go on.
  absl::StatusOr<UniqueFd> Lock(Progress& progress) const;
  // nullopt when another one changes the store now.
  absl::StatusOr<std::optional<UniqueFd>> TryLock() const;

  // What names/NAME says. NOT_FOUND, or DATA_LOSS when it is no digest.
  absl::StatusOr<Digest> ManifestOf(const std::string& name) const;

 private:
  absl::StatusOr<UniqueFd> OpenLock() const;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_STORE_LAYOUT_H_
