#include "image/oci_archive.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/oci_candidates.h"
#include "image/oci_files.h"
#include "image/oci_json_files.h"
#include "image/oci_reference.h"
#include "image/sha256.h"

namespace voidbox {
namespace {

class ImageReader {
 public:
  ImageReader(const OciFiles& files, const OciOptions& options)
      : files_(files), options_(options) {}

  absl::StatusOr<OciImage> Read();

 private:
  absl::StatusOr<OciCandidate> Choose() const;
  absl::Status AddLayer(const OciLayer& layer, uint64_t done, uint64_t total, OciImage& image);

  const OciFiles& files_;
  const OciOptions& options_;
};

absl::StatusOr<OciCandidate> ImageReader::Choose() const {
  ASSIGN_OR_RETURN(std::string variant, ParseGuestPlatform(options_.platform));
  OciCandidates candidates(files_,
                           {.reference = options_.reference, .variant = std::move(variant)});
  OciJsonFiles descriptions(files_);
  // What `docker save` writes today is both; the layout has digests of everything.
  const absl::StatusOr<std::string> index = descriptions.Read("index.json", "", 0);
  if (index.ok()) {
    RETURN_IF_ERROR(candidates.AddLayout(*index));
    return candidates.Choose();
  }
  if (!absl::IsNotFound(index.status())) return index.status();
  const absl::StatusOr<std::string> manifest = descriptions.Read("manifest.json", "", 0);
  if (manifest.ok()) {
    RETURN_IF_ERROR(candidates.AddDockerSave(*manifest));
    return candidates.Choose();
  }
  if (!absl::IsNotFound(manifest.status())) return manifest.status();
  return absl::InvalidArgumentError(
      "has neither index.json nor manifest.json: not an image layout, and nothing of docker save "
      "(a root file system is imported by --tar)");
}

absl::StatusOr<OciImage> ImageReader::Read() {
  ASSIGN_OR_RETURN(OciCandidate chosen, Choose());
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create(options_.limits, options_.spool_directory));
  OciImage image = {.tree = std::move(tree),
                    .config = std::move(chosen.config),
                    .digest = std::move(chosen.digest),
                    .layers = chosen.layers.size()};
  uint64_t total = 0;
  for (const OciLayer& layer : chosen.layers) {
    ASSIGN_OR_RETURN(const OciFiles::File file, files_.Open(layer.path));
    total += file.size;
  }
  uint64_t done = 0;
  for (const OciLayer& layer : chosen.layers) {
    RETURN_IF_ERROR(AddLayer(layer, done, total, image));
    ASSIGN_OR_RETURN(const OciFiles::File file, files_.Open(layer.path));
    done += file.size;
  }
  return image;
}

absl::Status ImageReader::AddLayer(const OciLayer& layer, uint64_t done, uint64_t total,
                                   OciImage& image) {
  ASSIGN_OR_RETURN(VerifiedFile file,
                   VerifiedFile::Open(files_, layer.path, layer.hex, layer.size));
  // A digest proves that all of the layer is there, whether or not it has an end mark.
  TarOptions tar = {.devices = options_.devices,
                    .is_layer = true,
                    .format = {.needs_end_mark = false},
                    .unpack_limits = options_.unpack_limits};
  if (options_.progress != nullptr) {
    tar.progress = [&](uint64_t bytes) { options_.progress("layers", done + bytes, total); };
  }
  Sha256 unpacked;
  if (!layer.diff_id.empty()) {
    tar.on_unpacked = [&](absl::string_view bytes) { unpacked.Update(bytes); };
  }
  image.tree.BeginLayer();
  const absl::StatusOr<TarSummary> summary = ReadTar(file.Source(), tar, image.tree);
  // Whatever is wrong in a damaged layer, that it is damaged says more.
  RETURN_IF_ERROR(file.Finish());
  if (!summary.ok()) {
    return NamedStatus(absl::StrCat("layer ", layer.path), summary.status());
  }
  image.dropped.Add(summary->dropped);
  if (layer.diff_id.empty()) return absl::OkStatus();
  const std::string hex = HexDigest(unpacked.Finish());
  if (hex == layer.diff_id) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("layer ", layer.path,
                   ": is damaged, or not the one of the config: what it unpacks to has "
                   "the digest sha256:",
                   hex, ", not sha256:", layer.diff_id));
}

}  // namespace

absl::StatusOr<OciImage> ReadOciImage(const std::string& path, const OciOptions& options) {
  OciFilesOptions files_options = {.limits = options.limits,
                                   .spool_directory = options.spool_directory,
                                   .unpack_limits = options.unpack_limits};
  if (options.progress != nullptr) {
    files_options.progress = [&](uint64_t done, uint64_t total) {
      options.progress("archive", done, total);
    };
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OciFiles> files, OpenOciFiles(path, files_options));
  return ImageReader(*files, options).Read();
}

}  // namespace voidbox
