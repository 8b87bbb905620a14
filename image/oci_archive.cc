#include "image/oci_archive.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/bounded_json.h"
#include "base/status_macros.h"
#include "image/oci_files.h"

namespace voidbox {
namespace {

constexpr int kMaxIndexDepth = 4;  // an index may name others
constexpr absl::string_view kBlobs = "blobs/sha256/";
constexpr absl::string_view kOs = "linux";
constexpr absl::string_view kArchitecture = "amd64";

absl::Status Named(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(absl::CHexEscape(name), ": ", status.message()));
}

absl::StatusOr<std::string> ReadSmall(const ByteSource& source, uint64_t size) {
  if (size > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(size, " bytes are more than the limit of ", kMaxJsonBytes));
  }
  std::string text(size + 1, '\0');  // one more, to see a file that grew
  size_t done = 0;
  for (size_t got = 1; got != 0 && done < text.size(); done += got) {
    ASSIGN_OR_RETURN(got, source(text.data() + done, text.size() - done));
  }
  text.resize(done);
  return text;
}

// A file that nothing names by digest.
absl::StatusOr<std::string> ReadUnnamed(const OciFiles& files, const std::string& path) {
  ASSIGN_OR_RETURN(OciFiles::File file, files.Open(path));
  absl::StatusOr<std::string> text = ReadSmall(file.source, file.size);
  if (!text.ok()) return Named(path, text.status());
  return text;
}

absl::StatusOr<std::string> ReadNamed(const OciFiles& files, const std::string& path,
                                      const std::string& hex, uint64_t size) {
  ASSIGN_OR_RETURN(VerifiedFile file, VerifiedFile::Open(files, path, hex, size));
  absl::StatusOr<std::string> text = ReadSmall(file.Source(), file.size());
  if (!text.ok()) return Named(path, text.status());
  RETURN_IF_ERROR(file.Finish());
  return text;
}

// A layer, and what its file must be.
struct Layer {
  std::string path;
  std::string hex;
  uint64_t size = 0;  // bytes; 0 when nothing says it
};

class ImageReader {
 public:
  ImageReader(const OciFiles& files, const OciOptions& options)
      : files_(files), options_(options) {}

  absl::StatusOr<OciImage> Read();

 private:
  absl::StatusOr<OciImage> ReadLayout(const std::string& index);
  absl::StatusOr<OciImage> ReadDockerSave(const std::string& manifest);
  // Adds the manifests for our platform that an index leads to; `name` is what a descriptor above
  // was called.
  absl::Status Collect(const OciIndex& index, const std::string& name, int depth);
  bool Matches(const OciDescriptor& descriptor, const std::string& name) const;
  absl::StatusOr<OciImage> ReadManifest(const OciDescriptor& descriptor,
                                        const OciManifest& manifest);
  absl::StatusOr<OciImage> ReadImage(OciImageConfig config, std::string digest,
                                     const std::vector<Layer>& layers);
  absl::Status AddLayer(const Layer& layer, uint64_t done, uint64_t total, FileTree& tree);

  struct Candidate {
    OciDescriptor descriptor;
    OciManifest manifest;
    std::string name;
  };
  const OciFiles& files_;
  const OciOptions& options_;
  std::vector<Candidate> candidates_;
  std::vector<std::string> seen_;  // platforms and names, for the error
};

absl::StatusOr<OciImage> ImageReader::Read() {
  // What `docker save` writes today is both; the layout has digests of everything.
  const absl::StatusOr<std::string> index = ReadUnnamed(files_, "index.json");
  if (index.ok()) return ReadLayout(*index);
  if (!absl::IsNotFound(index.status())) return index.status();
  const absl::StatusOr<std::string> manifest = ReadUnnamed(files_, "manifest.json");
  if (manifest.ok()) return ReadDockerSave(*manifest);
  if (!absl::IsNotFound(manifest.status())) return manifest.status();
  return absl::InvalidArgumentError(
      "has neither index.json nor manifest.json: not an image layout, and nothing of docker save");
}

bool ImageReader::Matches(const OciDescriptor& descriptor, const std::string& name) const {
  if (!options_.reference.empty() && name != options_.reference) return false;
  // A platform that is not named is in the image's configuration, where it is checked.
  return (descriptor.os.empty() || descriptor.os == kOs) &&
         (descriptor.architecture.empty() || descriptor.architecture == kArchitecture);
}

absl::Status ImageReader::Collect(const OciIndex& index, const std::string& name, int depth) {
  if (depth > kMaxIndexDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("index.json: indexes in more than ", kMaxIndexDepth, " levels"));
  }
  for (const OciDescriptor& descriptor : index.manifests) {
    const std::string& own_name = descriptor.name.empty() ? name : descriptor.name;
    seen_.push_back(absl::StrCat("'", absl::CHexEscape(own_name), "' for ",
                                 absl::CHexEscape(descriptor.os), "/",
                                 absl::CHexEscape(descriptor.architecture)));
    if (!Matches(descriptor, own_name)) continue;
    const std::string path = absl::StrCat(kBlobs, descriptor.hex);
    ASSIGN_OR_RETURN(const std::string text,
                     ReadNamed(files_, path, descriptor.hex, descriptor.size));
    auto parsed = ParseOciManifest(text);
    if (!parsed.ok()) return Named(path, parsed.status());
    if (const auto* const inner = std::get_if<OciIndex>(&*parsed); inner != nullptr) {
      RETURN_IF_ERROR(Collect(*inner, own_name, depth + 1));
    } else if (std::none_of(candidates_.begin(), candidates_.end(), [&](const Candidate& c) {
                 return c.descriptor.hex == descriptor.hex;
               })) {
      candidates_.push_back({descriptor, std::get<OciManifest>(*std::move(parsed)), own_name});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<OciImage> ImageReader::ReadLayout(const std::string& index) {
  const auto parsed = ParseOciManifest(index);
  if (!parsed.ok()) return Named("index.json", parsed.status());
  const auto* const root = std::get_if<OciIndex>(&*parsed);
  if (root == nullptr) return absl::InvalidArgumentError("index.json: is not an index");
  RETURN_IF_ERROR(Collect(*root, "", 1));
  constexpr size_t kShown = 10;
  seen_.resize(std::min(seen_.size(), kShown));
  if (candidates_.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no image ", options_.reference.empty() ? "" : absl::StrCat("'", options_.reference, "' "),
        "for linux/amd64 among ", absl::StrJoin(seen_, ", ")));
  }
  if (candidates_.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        candidates_.size(), " images for linux/amd64, name one of ", absl::StrJoin(seen_, ", ")));
  }
  return ReadManifest(candidates_[0].descriptor, candidates_[0].manifest);
}

absl::StatusOr<OciImage> ImageReader::ReadManifest(const OciDescriptor& descriptor,
                                                   const OciManifest& manifest) {
  const std::string path = absl::StrCat(kBlobs, manifest.config.hex);
  ASSIGN_OR_RETURN(const std::string text,
                   ReadNamed(files_, path, manifest.config.hex, manifest.config.size));
  absl::StatusOr<OciImageConfig> config = ParseOciConfig(text);
  if (!config.ok()) return Named(path, config.status());
  std::vector<Layer> layers;
  for (const OciDescriptor& layer : manifest.layers) {
    layers.push_back(
        {.path = absl::StrCat(kBlobs, layer.hex), .hex = layer.hex, .size = layer.size});
  }
  return ReadImage(*std::move(config), descriptor.hex, layers);
}

// The digest that the path of a file of `docker save` is made of: blobs/sha256/HEX, or HEX.json.
// Empty when it is of another form.
std::string HexOfPath(absl::string_view path) {
  absl::ConsumePrefix(&path, kBlobs);
  absl::ConsumeSuffix(&path, ".json");
  return ParseSha256(absl::StrCat("sha256:", path)).value_or("");
}

absl::StatusOr<OciImage> ImageReader::ReadDockerSave(const std::string& manifest) {
  const auto images = ParseDockerManifest(manifest);
  if (!images.ok()) return Named("manifest.json", images.status());
  const DockerImage* chosen = nullptr;
  std::vector<std::string> tags;
  for (const DockerImage& image : *images) {
    tags.insert(tags.end(), image.tags.begin(), image.tags.end());
    const bool named = std::count(image.tags.begin(), image.tags.end(), options_.reference) != 0;
    if (named || (options_.reference.empty() && images->size() == 1)) chosen = &image;
  }
  if (chosen == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "manifest.json: ", images->size(),
        " images, name one of: ", absl::CHexEscape(absl::StrJoin(tags, ", ").substr(0, 1000))));
  }
  const std::string hex = HexOfPath(chosen->config);
  if (hex.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("manifest.json: the config '",
                                                   absl::CHexEscape(chosen->config),
                                                   "' is not named by its digest"));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadNamed(files_, chosen->config, hex, 0));
  absl::StatusOr<OciImageConfig> config = ParseOciConfig(text);
  if (!config.ok()) return Named(chosen->config, config.status());
  if (config->diff_ids.size() != chosen->layers.size()) {
    return absl::InvalidArgumentError(absl::StrCat("manifest.json: ", chosen->layers.size(),
                                                   " layers, but the config has digests of ",
                                                   config->diff_ids.size()));
  }
  std::vector<Layer> layers;
  for (size_t i = 0; i < chosen->layers.size(); ++i) {
    // Layers are not packed here, so that their files are what the config has digests of.
    const std::string named = HexOfPath(chosen->layers[i]);
    layers.push_back(
        {.path = chosen->layers[i], .hex = named.empty() ? config->diff_ids[i] : named});
  }
  return ReadImage(*std::move(config), hex, layers);
}

absl::StatusOr<OciImage> ImageReader::ReadImage(OciImageConfig config, std::string digest,
                                                const std::vector<Layer>& layers) {
  if (config.os != kOs || config.architecture != kArchitecture) {
    return absl::NotFoundError(absl::StrCat("the image is for ", absl::CHexEscape(config.os), "/",
                                            absl::CHexEscape(config.architecture),
                                            ", not for linux/amd64"));
  }
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create(options_.limits));
  uint64_t total = 0;
  for (const Layer& layer : layers) {
    ASSIGN_OR_RETURN(const OciFiles::File file, files_.Open(layer.path));
    total += file.size;
  }
  uint64_t done = 0;
  for (const Layer& layer : layers) {
    RETURN_IF_ERROR(AddLayer(layer, done, total, tree));
    ASSIGN_OR_RETURN(const OciFiles::File file, files_.Open(layer.path));
    done += file.size;
  }
  return OciImage{.tree = std::move(tree),
                  .config = std::move(config),
                  .digest = std::move(digest),
                  .layers = layers.size()};
}

absl::Status ImageReader::AddLayer(const Layer& layer, uint64_t done, uint64_t total,
                                   FileTree& tree) {
  ASSIGN_OR_RETURN(VerifiedFile file,
                   VerifiedFile::Open(files_, layer.path, layer.hex, layer.size));
  TarOptions tar = {
      .devices = options_.devices, .is_layer = true, .unpack_limits = options_.unpack_limits};
  if (options_.progress != nullptr) {
    tar.progress = [&](uint64_t bytes) { options_.progress("layers", done + bytes, total); };
  }
  tree.BeginLayer();
  const absl::Status status = ReadTar(file.Source(), tar, tree).status();
  // Whatever is wrong in a damaged layer, that it is damaged says more.
  RETURN_IF_ERROR(file.Finish());
  return Named(absl::StrCat("layer ", layer.path), status);
}

}  // namespace

absl::StatusOr<OciImage> ReadOciImage(const std::string& path, const OciOptions& options) {
  OciFilesOptions files_options = {.limits = options.limits,
                                   .unpack_limits = options.unpack_limits};
  if (options.progress != nullptr) {
    files_options.progress = [&](uint64_t done, uint64_t total) {
      options.progress("archive", done, total);
    };
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OciFiles> files, OpenOciFiles(path, files_options));
  absl::StatusOr<OciImage> image = ImageReader(*files, options).Read();
  if (!image.ok()) {
    return absl::Status(image.status().code(), absl::StrCat(path, ": ", image.status().message()));
  }
  return image;
}

}  // namespace voidbox
