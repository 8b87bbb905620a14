#include "image/oci_manifest.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/bounded_json.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using nlohmann::json;

constexpr size_t kMaxManifests = 1000;  // of an index; real ones have some ten platforms
constexpr size_t kMaxLayers = 512;      // Docker makes at most 127
constexpr size_t kMaxImages = 1000;     // of `docker save`
constexpr size_t kMaxVolumes = 1000;

constexpr absl::string_view kLayerTypes[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

constexpr absl::string_view kConfigTypes[] = {
    "",  // of old writers
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
};

constexpr const char* kNameAnnotations[] = {
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
};

template <size_t kSize>
bool Contains(const absl::string_view (&list)[kSize], absl::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

absl::StatusOr<OciDescriptor> ParseDescriptor(const json& object) {
  OciDescriptor descriptor;
  ASSIGN_OR_RETURN(descriptor.media_type, StringField(object, "mediaType"));
  ASSIGN_OR_RETURN(const std::string digest, StringField(object, "digest"));
  ASSIGN_OR_RETURN(descriptor.hex, ParseSha256(digest));
  ASSIGN_OR_RETURN(descriptor.size, NumberField(object, "size"));
  ASSIGN_OR_RETURN(const json platform, ObjectField(object, "platform"));
  ASSIGN_OR_RETURN(descriptor.os, StringField(platform, "os"));
  ASSIGN_OR_RETURN(descriptor.architecture, StringField(platform, "architecture"));
  ASSIGN_OR_RETURN(descriptor.variant, StringField(platform, "variant"));
  ASSIGN_OR_RETURN(const json annotations, ObjectField(object, "annotations"));
  for (const char* const annotation : kNameAnnotations) {
    ASSIGN_OR_RETURN(std::string name, StringField(annotations, annotation));
    if (!name.empty()) descriptor.names.push_back(std::move(name));
  }
  return descriptor;
}

absl::StatusOr<std::vector<OciDescriptor>> ParseDescriptors(const json& object, const char* name,
                                                            size_t max) {
  ASSIGN_OR_RETURN(const std::vector<json> elements, ObjectsField(object, name, max));
  std::vector<OciDescriptor> descriptors;
  for (const json& element : elements) {
    ASSIGN_OR_RETURN(OciDescriptor descriptor, ParseDescriptor(element));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

// A command, which old writers have as one string (Docker's "strslice").
absl::StatusOr<std::vector<std::string>> CommandField(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return StringsField(object, name);
  return std::vector<std::string>{found->get<std::string>()};
}

// The keys of an object whose values say nothing.
absl::StatusOr<std::vector<std::string>> VolumesField(const json& object) {
  ASSIGN_OR_RETURN(const json volumes, ObjectField(object, "Volumes"));
  if (volumes.size() > kMaxVolumes) {
    return absl::InvalidArgumentError(absl::StrCat("field Volumes: ", volumes.size(),
                                                   " are more than the limit of ", kMaxVolumes));
  }
  std::vector<std::string> paths;
  for (const auto& [path, unused] : volumes.items()) paths.push_back(path);
  return paths;
}

}  // namespace

absl::StatusOr<std::string> ParseSha256(absl::string_view digest) {
  absl::string_view hex = digest;
  const bool has_prefix = absl::ConsumePrefix(&hex, "sha256:");
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!has_prefix || hex.size() != 64 || !std::all_of(hex.begin(), hex.end(), is_digit)) {
    return absl::InvalidArgumentError(absl::StrCat("digest '",
                                                   absl::CHexEscape(digest.substr(0, 100)),
                                                   "' is not sha256: and 64 hexadecimal digits"));
  }
  return std::string(hex);
}

absl::StatusOr<std::variant<OciIndex, OciManifest>> ParseOciManifest(absl::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJsonObject(text));
  const bool is_index = object.contains("manifests");
  const bool is_manifest = object.contains("layers") || object.contains("config");
  if (is_index == is_manifest) {
    // One that is both would be another image to another reader.
    return absl::InvalidArgumentError(
        is_index ? "has the fields of an index and those of a manifest"
                 : "has neither manifests nor layers: no index, and no manifest of an image");
  }
  if (is_index) {
    OciIndex index;
    ASSIGN_OR_RETURN(index.manifests, ParseDescriptors(object, "manifests", kMaxManifests));
    return index;
  }
  OciManifest manifest;
  ASSIGN_OR_RETURN(const json config, ObjectField(object, "config"));
  ASSIGN_OR_RETURN(manifest.config, ParseDescriptor(config));
  ASSIGN_OR_RETURN(manifest.layers, ParseDescriptors(object, "layers", kMaxLayers));
  ASSIGN_OR_RETURN(const json subject, ObjectField(object, "subject"));
  ASSIGN_OR_RETURN(const std::string artifact, StringField(object, "artifactType"));
  manifest.is_attached = !subject.empty() || !artifact.empty();
  const auto shown = [](const std::string& type) {
    return absl::StrCat("media type '", absl::CHexEscape(type.substr(0, 100)), "'");
  };
  if (!Contains(kConfigTypes, manifest.config.media_type)) {
    manifest.not_an_image =
        absl::StrCat("config: ", shown(manifest.config.media_type), " is none of an image");
  }
  for (const OciDescriptor& layer : manifest.layers) {
    if (Contains(kLayerTypes, layer.media_type)) continue;
    manifest.not_an_image = absl::StrCat("layer sha256:", layer.hex, ": ", shown(layer.media_type),
                                         " is no tar archive, plain or packed with gzip or zstd");
    break;
  }
  return manifest;
}

absl::StatusOr<OciImageConfig> ParseOciConfig(absl::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJsonObject(text));
  OciImageConfig config;
  ASSIGN_OR_RETURN(config.os, StringField(object, "os"));
  ASSIGN_OR_RETURN(config.architecture, StringField(object, "architecture"));
  ASSIGN_OR_RETURN(config.variant, StringField(object, "variant"));
  ASSIGN_OR_RETURN(const json run, ObjectField(object, "config"));
  ASSIGN_OR_RETURN(config.env, StringsField(run, "Env"));
  ASSIGN_OR_RETURN(config.working_dir, StringField(run, "WorkingDir"));
  ASSIGN_OR_RETURN(config.entrypoint, CommandField(run, "Entrypoint"));
  ASSIGN_OR_RETURN(config.cmd, CommandField(run, "Cmd"));
  ASSIGN_OR_RETURN(config.user, StringField(run, "User"));
  ASSIGN_OR_RETURN(config.volumes, VolumesField(run));
  ASSIGN_OR_RETURN(const json rootfs, ObjectField(object, "rootfs"));
  ASSIGN_OR_RETURN(const std::vector<std::string> diff_ids, StringsField(rootfs, "diff_ids"));
  for (const std::string& diff_id : diff_ids) {
    ASSIGN_OR_RETURN(std::string hex, ParseSha256(diff_id));
    config.diff_ids.push_back(std::move(hex));
  }
  return config;
}

absl::StatusOr<std::vector<DockerImage>> ParseDockerManifest(absl::string_view text) {
  ASSIGN_OR_RETURN(json array, ParseJsonArray(text));
  const json object = {{"images", std::move(array)}};
  ASSIGN_OR_RETURN(const std::vector<json> elements, ObjectsField(object, "images", kMaxImages));
  std::vector<DockerImage> images;
  for (const json& element : elements) {
    DockerImage image;
    ASSIGN_OR_RETURN(image.config, StringField(element, "Config"));
    ASSIGN_OR_RETURN(image.tags, StringsField(element, "RepoTags"));
    ASSIGN_OR_RETURN(image.layers, StringsField(element, "Layers"));
    if (image.layers.size() > kMaxLayers) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an image of ", image.layers.size(), " layers, more than the limit of ", kMaxLayers));
    }
    images.push_back(std::move(image));
  }
  return images;
}

}  // namespace voidbox
