#ifndef VOIDBOX_IMAGE_STORE_GARBAGE_H_
#define VOIDBOX_IMAGE_STORE_GARBAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/digest.h"
#include "image/store/image_manifest.h"
#include "image/store/store_layout.h"

namespace voidbox {

// The manifest with that digest, found to have it. Errors name the blob.
absl::StatusOr<ImageManifest> ReadManifest(const StoreLayout& layout, const Digest& digest);

// A file among the blobs that nothing needs.
struct Garbage {
  std::string name;    // in blobs/sha256; a digest unless somebody else put it there
  uint64_t bytes = 0;  // that it takes on the disk
};

// Blobs that no image names and nobody uses. To be called under the store's lock.
// FAILED_PRECONDITION while there is an image whose manifest cannot be read, since its blobs cannot
// be told from garbage.
absl::StatusOr<std::vector<Garbage>> FindGarbage(const StoreLayout& layout);

// Removes it; returns the bytes that were freed.
absl::StatusOr<uint64_t> RemoveGarbage(const StoreLayout& layout,
                                       const std::vector<Garbage>& garbage);

// What killed imports left, if the marker of an unfinished one is there. Under the store's lock.
absl::Status RemoveLeftovers(const StoreLayout& layout);

// A file in incoming/ from an import's begin to its end.
inline constexpr char kUnfinishedMarker[] = "unfinished";

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_GARBAGE_H_
