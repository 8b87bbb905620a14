#ifndef VOIDBOX_IMAGE_OCI_CANDIDATES_H_
#define VOIDBOX_IMAGE_OCI_CANDIDATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/oci_json_files.h"
#include "image/oci_manifest.h"

namespace voidbox {

// A layer's file, and what it must be.
struct OciLayer {
  std::string path;
  std::string hex;      // of the file; empty when nothing says it
  std::string diff_id;  // of what it unpacks to; empty when the file's own digest says enough
  uint64_t size = 0;    // bytes; 0 when nothing says it
};

// An image of several, for a guest's platform.
struct OciCandidate {
  std::string
      digest;  // 64 digits: of the manifest, or in an archive of `docker save` of the config
  OciImageConfig config;
  std::vector<OciLayer> layers;
  std::vector<std::string> names;
  // Whatever names it as well: the index that it stands in, its config.
  std::vector<std::string> other_digests;
  std::string variant;
  bool is_attached = false;  // to another manifest
  // Which of the index's entries led to it. Of what one entry leads to, the first that fits is the
  // image, as other tools choose.
  size_t origin = 0;
};

struct OciChoice {
  std::string reference;  // which one; empty where there is only one
  std::string variant;    // of amd64; empty for the plainest
};

// Finds the images of an OCI layout or of an archive of `docker save` that are for a guest, and
// chooses one. What is no image is passed by: signatures, attestations, lists of parts. One thread
// at a time.
class OciCandidates {
 public:
  OciCandidates(const OciFiles& files, const OciChoice& choice) : files_(files), choice_(choice) {}

  // `index` is the text of index.json.
  absl::Status AddLayout(const std::string& index);
  // `manifest` is the text of manifest.json.
  absl::Status AddDockerSave(const std::string& manifest);

  // NOT_FOUND or FAILED_PRECONDITION with the names and digests there are when none is meant, or
  // more than one.
  absl::StatusOr<OciCandidate> Choose();

 private:
  // What leads to a manifest.
  struct Way {
    std::vector<std::string> names;
    std::vector<std::string> digests;
    size_t origin = 0;
    int depth = 1;
  };
  absl::Status AddIndex(const OciIndex& index, const Way& way);
  absl::Status AddDescriptor(const OciDescriptor& descriptor, Way way);
  absl::Status AddManifest(const OciDescriptor& descriptor, const OciManifest& manifest,
                           const Way& way);
  absl::Status AddDockerImage(const DockerImage& image, size_t origin);
  absl::Status AddRepoTags();
  void AddCandidate(OciCandidate candidate);
  bool IsMeant(const std::vector<std::string>& names,
               const std::vector<std::string>& digests) const;
  bool IsMeant(const OciCandidate& candidate) const;
  // Notes why something is not among the images, and says OK unless the whole archive is at fault.
  absl::Status PassBy(const Way& way, const absl::Status& why);
  void Show(const std::vector<std::string>& names, absl::string_view os,
            absl::string_view architecture, absl::string_view variant, absl::string_view digest);
  std::string Shown() const;

  OciJsonFiles files_;
  OciChoice choice_;
  std::vector<OciCandidate> candidates_;
  std::vector<std::string> shown_;  // images of all platforms, for errors
  absl::Status missing_;            // why the first file of an image that is meant is not there
  absl::Status not_an_image_;       // of what was passed by, the first
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_CANDIDATES_H_
