#include "image/oci_candidates.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "image/oci_reference.h"
#include "image/sha256.h"

namespace voidbox {
namespace {

constexpr int kMaxIndexDepth = 4;  // an index may name others
constexpr size_t kShownImages = 10;
constexpr size_t kShownDigits = 12;
constexpr size_t kShownNameBytes = 256;
// An image may have many names; a hostile one has more and longer ones, and each image below an
// index has them all.
constexpr size_t kMaxNames = 64;
constexpr size_t kMaxNameBytes = 1024;

void Append(const std::vector<std::string>& from, std::vector<std::string>& to) {
  for (const std::string& word : from) {
    if (to.size() >= kMaxNames) return;
    const bool is_known = std::find(to.begin(), to.end(), word) != to.end();
    if (!is_known && word.size() <= kMaxNameBytes) to.push_back(word);
  }
}

// The digest that the path of a file of `docker save` is made of: blobs/sha256/HEX, HEX.json or
// sha256:HEX. Empty when it is of another form.
std::string HexOfPath(absl::string_view path) {
  absl::ConsumePrefix(&path, kOciBlobs);
  absl::ConsumePrefix(&path, "sha256:");
  absl::ConsumeSuffix(&path, ".json");
  return ParseSha256(absl::StrCat("sha256:", path)).value_or("");
}

}  // namespace

bool OciCandidates::IsMeant(const std::vector<std::string>& names,
                            const std::vector<std::string>& digests) const {
  const std::string& reference = choice_.reference;
  return reference.empty() ||
         std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return ReferenceNames(reference, name); }) ||
         std::any_of(digests.begin(), digests.end(),
                     [&](const std::string& hex) { return ReferenceIsDigest(reference, hex); });
}

bool OciCandidates::IsMeant(const OciCandidate& candidate) const {
  std::vector<std::string> digests = candidate.other_digests;
  digests.push_back(candidate.digest);
  return IsMeant(candidate.names, digests);
}

void OciCandidates::Show(const std::vector<std::string>& names, absl::string_view os,
                         absl::string_view architecture, absl::string_view variant,
                         absl::string_view digest) {
  const std::string name = absl::StrJoin(names, ", ");
  std::vector<absl::string_view> platform = {os.empty() ? "linux" : os,
                                             architecture.empty() ? "amd64" : architecture};
  if (!variant.empty()) platform.push_back(variant);
  shown_.push_back(absl::StrCat(
      names.empty() ? "one without a name"
                    : absl::StrCat("'", absl::CHexEscape(name.substr(0, kShownNameBytes)), "'"),
      " for ", absl::CHexEscape(absl::StrJoin(platform, "/").substr(0, kShownNameBytes)),
      " (sha256:", digest.substr(0, kShownDigits), ")"));
}

std::string OciCandidates::Shown() const {
  const size_t count = std::min(shown_.size(), kShownImages);
  return absl::StrCat(
      absl::StrJoin(shown_.begin(), shown_.begin() + static_cast<ptrdiff_t>(count), ", "),
      count < shown_.size() ? absl::StrCat(" and ", shown_.size() - count, " more") : "");
}

absl::Status OciCandidates::PassBy(const Way& way, const absl::Status& why) {
  if (absl::IsResourceExhausted(why)) return why;
  if (!IsMeant(way.names, way.digests)) return absl::OkStatus();
  if (absl::IsNotFound(why)) {
    missing_.Update(why);
  } else if (absl::IsInvalidArgument(why)) {
    not_an_image_.Update(why);
  } else {
    return why;
  }
  return absl::OkStatus();
}

absl::Status OciCandidates::AddLayout(const std::string& index) {
  const auto parsed = ParseOciManifest(index);
  if (!parsed.ok()) return NamedStatus("index.json", parsed.status());
  const auto* const root = std::get_if<OciIndex>(&*parsed);
  if (root == nullptr) return absl::InvalidArgumentError("index.json: is not an index");
  for (size_t i = 0; i < root->manifests.size(); ++i) {
    RETURN_IF_ERROR(AddDescriptor(root->manifests[i], {.origin = i}));
  }
  return AddRepoTags();
}

absl::Status OciCandidates::AddIndex(const OciIndex& index, const Way& way) {
  if (way.depth > kMaxIndexDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("index.json: indexes in more than ", kMaxIndexDepth, " levels"));
  }
  for (const OciDescriptor& descriptor : index.manifests) {
    RETURN_IF_ERROR(AddDescriptor(descriptor, way));
  }
  return absl::OkStatus();
}

absl::Status OciCandidates::AddDescriptor(const OciDescriptor& descriptor, Way way) {
  Append(descriptor.names, way.names);
  way.digests.push_back(descriptor.hex);
  if (!IsGuestPlatform(descriptor.os, descriptor.architecture)) {
    Show(way.names, descriptor.os, descriptor.architecture, descriptor.variant, descriptor.hex);
    return absl::OkStatus();
  }
  const std::string path = absl::StrCat(kOciBlobs, descriptor.hex);
  const auto text = files_.Read(path, descriptor.hex, descriptor.size);
  if (!text.ok()) return PassBy(way, text.status());
  const auto parsed = ParseOciManifest(*text);
  if (!parsed.ok()) return PassBy(way, NamedStatus(path, parsed.status()));
  if (const auto* const inner = std::get_if<OciIndex>(&*parsed); inner != nullptr) {
    ++way.depth;
    return AddIndex(*inner, way);
  }
  return AddManifest(descriptor, std::get<OciManifest>(*parsed), way);
}

absl::Status OciCandidates::AddManifest(const OciDescriptor& descriptor,
                                        const OciManifest& manifest, const Way& way) {
  if (!manifest.not_an_image.empty()) {
    return PassBy(way, absl::InvalidArgumentError(manifest.not_an_image));
  }
  const std::string path = absl::StrCat(kOciBlobs, manifest.config.hex);
  const auto text = files_.Read(path, manifest.config.hex, manifest.config.size);
  if (!text.ok()) return PassBy(way, text.status());
  absl::StatusOr<OciImageConfig> config = ParseOciConfig(*text);
  if (!config.ok()) return PassBy(way, NamedStatus(path, config.status()));
  OciCandidate candidate = {.digest = descriptor.hex,
                            .config = *std::move(config),
                            .names = way.names,
                            .other_digests = way.digests,
                            .variant = descriptor.variant,
                            .is_attached = manifest.is_attached,
                            .origin = way.origin};
  if (candidate.variant.empty()) candidate.variant = candidate.config.variant;
  candidate.other_digests.push_back(manifest.config.hex);
  for (const OciDescriptor& layer : manifest.layers) {
    candidate.layers.push_back(
        {.path = absl::StrCat(kOciBlobs, layer.hex), .hex = layer.hex, .size = layer.size});
  }
  AddCandidate(std::move(candidate));
  return absl::OkStatus();
}

void OciCandidates::AddCandidate(OciCandidate candidate) {
  const auto known =
      std::find_if(candidates_.begin(), candidates_.end(),
                   [&](const OciCandidate& other) { return other.digest == candidate.digest; });
  if (known == candidates_.end()) {
    candidates_.push_back(std::move(candidate));
  } else {  // another name for it
    Append(candidate.names, known->names);
    Append(candidate.other_digests, known->other_digests);
  }
}

absl::Status OciCandidates::AddRepoTags() {
  // `docker save` writes its own description beside the layout, with the names as people say them.
  const auto text = files_.Read("manifest.json", "", 0);
  if (!text.ok()) return absl::OkStatus();
  const auto images = ParseDockerManifest(*text);
  if (!images.ok()) return absl::OkStatus();
  for (const DockerImage& image : *images) {
    const std::string hex = HexOfPath(image.config);
    for (OciCandidate& candidate : candidates_) {
      const auto& digests = candidate.other_digests;
      if (std::find(digests.begin(), digests.end(), hex) == digests.end()) continue;
      Append(image.tags, candidate.names);
    }
  }
  return absl::OkStatus();
}

absl::Status OciCandidates::AddDockerSave(const std::string& manifest) {
  const auto images = ParseDockerManifest(manifest);
  if (!images.ok()) return NamedStatus("manifest.json", images.status());
  for (size_t i = 0; i < images->size(); ++i) {
    RETURN_IF_ERROR(AddDockerImage((*images)[i], i));
  }
  return absl::OkStatus();
}

absl::Status OciCandidates::AddDockerImage(const DockerImage& image, size_t origin) {
  // Some writers name the config by its digest, others call it config.json.
  const std::string named = HexOfPath(image.config);
  const Way way = {.names = image.tags,
                   .digests = named.empty() ? std::vector<std::string>() : std::vector{named},
                   .origin = origin};
  const auto text = files_.Read(image.config, named, 0);
  if (!text.ok()) return PassBy(way, text.status());
  absl::StatusOr<OciImageConfig> config = ParseOciConfig(*text);
  if (!config.ok()) return PassBy(way, NamedStatus(image.config, config.status()));
  if (config->diff_ids.size() != image.layers.size()) {
    return PassBy(way, absl::InvalidArgumentError(absl::StrCat(
                           "manifest.json: ", image.layers.size(),
                           " layers, but the config has digests of ", config->diff_ids.size())));
  }
  OciCandidate candidate = {.digest = HexDigest(Sha256Of(*text)),
                            .config = *std::move(config),
                            .names = image.tags,
                            .origin = origin};
  candidate.variant = candidate.config.variant;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    // A layer may be packed; the digest that holds is of what it unpacks to.
    candidate.layers.push_back({.path = image.layers[i], .diff_id = candidate.config.diff_ids[i]});
  }
  AddCandidate(std::move(candidate));
  return absl::OkStatus();
}

absl::StatusOr<OciCandidate> OciCandidates::Choose() {
  std::vector<OciCandidate> meant;
  for (OciCandidate& candidate : candidates_) {
    const OciImageConfig& config = candidate.config;
    Show(candidate.names, config.os, config.architecture, candidate.variant, candidate.digest);
    if (IsGuestPlatform(config.os, config.architecture) && IsMeant(candidate) &&
        (choice_.variant.empty() || candidate.variant == choice_.variant)) {
      meant.push_back(std::move(candidate));
    }
  }
  const auto keep = [&](const auto& is_kept) {
    const std::vector<OciCandidate> all = std::move(meant);
    meant.clear();
    std::copy_if(all.begin(), all.end(), std::back_inserter(meant),
                 [&](const OciCandidate& candidate) { return is_kept(candidate, all); });
  };
  // What says that it belongs to another one, where there is another one.
  keep([](const OciCandidate& candidate, const std::vector<OciCandidate>& all) {
    return !candidate.is_attached ||
           std::all_of(all.begin(), all.end(), [](const auto& other) { return other.is_attached; });
  });
  // Of variants of one image, the one that runs on most machines.
  keep([](const OciCandidate& candidate, const std::vector<OciCandidate>& all) {
    return std::none_of(all.begin(), all.end(), [&](const OciCandidate& other) {
      return other.names == candidate.names &&
             VariantRank(other.variant) < VariantRank(candidate.variant);
    });
  });
  std::set<size_t> origins;
  keep([&](const OciCandidate& candidate, const std::vector<OciCandidate>&) {
    return origins.insert(candidate.origin).second;
  });
  if (meant.size() == 1) return std::move(meant[0]);
  const std::string platform = absl::StrCat(
      "linux/amd64", choice_.variant.empty() ? "" : absl::StrCat("/", choice_.variant));
  if (meant.size() > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(meant.size(), " images for ", platform,
                     ", name one of them by --ref with its name or digest: ", Shown()));
  }
  if (!missing_.ok()) return missing_;
  if (shown_.empty() && !not_an_image_.ok()) return not_an_image_;
  return absl::NotFoundError(absl::StrCat(
      "no image ",
      choice_.reference.empty()
          ? ""
          : absl::StrCat("'", absl::CHexEscape(choice_.reference.substr(0, kShownNameBytes)), "' "),
      "for ", platform, " among ", shown_.empty() ? "none at all" : Shown()));
}

}  // namespace voidbox
