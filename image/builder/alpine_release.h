#ifndef VOIDBOX_IMAGE_BUILDER_ALPINE_RELEASE_H_
#define VOIDBOX_IMAGE_BUILDER_ALPINE_RELEASE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/store/digest.h"
#include "image/store/progress.h"

namespace voidbox {

// A minirootfs of Alpine Linux.
struct AlpineRootfs {
  std::string file;  // its name beside the list
  Digest digest;
};

// Finds the minirootfs in a mirror's list of releases (latest-releases.yaml): records that begin
// with a line "-", of lines "key: value". INVALID_ARGUMENT when there is none, or its name or
// digest is none.
absl::StatusOr<AlpineRootfs> ParseAlpineReleases(absl::string_view yaml);

// Its path in `cache`, which curl fetches there unless it is there already; checked by its digest
// in both cases. `mirror` is the URL of the directory that latest-stable lies in. UNAVAILABLE, in
// one line, when the mirror cannot be reached.
absl::StatusOr<std::string> FetchAlpineRootfs(const std::string& mirror, const std::string& cache,
                                              Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_ALPINE_RELEASE_H_
