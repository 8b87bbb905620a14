#ifndef VOIDBOX_IMAGE_OCI_MANIFEST_H_
#define VOIDBOX_IMAGE_OCI_MANIFEST_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The descriptions in container images: OCI image-spec 1.1 (descriptor.md, image-index.md,
// manifest.md, config.md), Docker's image manifest version 2 schema 2, which has the same fields,
// and the manifest.json of `docker save`. All of it is hostile; errors are INVALID_ARGUMENT.

struct OciDescriptor {
  std::string media_type;
  std::string hex;    // of its SHA-256: 64 digits in lower case
  uint64_t size = 0;  // bytes
  std::string os;     // of the platform; empty when it has none
  std::string architecture;
  std::string variant;  // of the architecture, as "v3"; empty for the plain one
  // What it is called: annotations org.opencontainers.image.ref.name (a tag alone, often) and
  // io.containerd.image.name.
  std::vector<std::string> names;
};

struct OciIndex {
  std::vector<OciDescriptor> manifests;
};

struct OciManifest {
  OciDescriptor config;
  std::vector<OciDescriptor> layers;  // the lowest first
  // Why it is no image: manifests describe signatures, lists of parts, charts and more as well
  // (image-spec, manifest.md, "Guidelines for Artifact Usage"). Empty when it is one.
  std::string not_an_image;
  // It says of itself that it belongs to another manifest, or is something else than an image.
  bool is_attached = false;
};

// What is to run in an image.
struct OciImageConfig {
  std::vector<std::string> env;  // NAME=VALUE
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::string user;
  std::vector<std::string> volumes;  // directories that a container has of its own

  std::string os;
  std::string architecture;
  std::string variant;
  std::vector<std::string> diff_ids;  // 64 digits each: SHA-256 of the unpacked layers
};

// An image of `docker save`: paths in the archive.
struct DockerImage {
  std::string config;
  std::vector<std::string> tags;
  std::vector<std::string> layers;  // the lowest first
};

// 64 hexadecimal digits of "sha256:...".
absl::StatusOr<std::string> ParseSha256(absl::string_view digest);
// Which of the two it is, its fields say; one that has the fields of both is refused.
absl::StatusOr<std::variant<OciIndex, OciManifest>> ParseOciManifest(absl::string_view text);
absl::StatusOr<OciImageConfig> ParseOciConfig(absl::string_view text);
absl::StatusOr<std::vector<DockerImage>> ParseDockerManifest(absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_MANIFEST_H_
