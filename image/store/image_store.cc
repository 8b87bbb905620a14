#include "image/store/image_store.h"

#include <sys/file.h>

#include <cerrno>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/store/image_name.h"
#include "image/store/sparse_file.h"

namespace voidbox {
namespace {

// How often an image may be replaced between the steps of taking a lease on it.
constexpr int kMaxAttempts = 5;

absl::Status NoSuchImage(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("no image is called ", name, "; see `voidbox image ls`"));
}

absl::Status AboutImage(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("image ", name, ": ", status.message()));
}

absl::Status Changing(const std::string& name) {
  return absl::UnavailableError(
      absl::StrCat("image ", name, " is being removed or replaced; try again"));
}

// False when somebody else has one that excludes it.
absl::StatusOr<bool> TryFlock(int fd, int operation) {
  while (::flock(fd, operation | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return ErrnoStatus("flock of a manifest");
  }
  return true;
}

}  // namespace

uint64_t Image::Bytes() const {
  std::set<Digest> seen;
  uint64_t bytes = 0;
  for (const BlobReference& blob : manifest.Blobs()) {
    if (seen.insert(blob.digest).second) bytes += blob.bytes;
  }
  return bytes;
}

absl::StatusOr<ImageStore> ImageStore::Open(const std::string& home) {
  ASSIGN_OR_RETURN(auto layout, StoreLayout::Open(home));
  return ImageStore(home, std::move(layout));
}

absl::StatusOr<Image> ImageStore::Load(const std::string& name) const {
  // Readers take no lock: an image may go, or give its name to another one, between the reading of
  // its name and that of its manifest. What fails twice is damaged.
  std::optional<Digest> failed;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSIGN_OR_RETURN(Digest digest, layout_->ManifestOf(name));
    auto manifest = ReadManifest(*layout_, digest);
    if (!manifest.ok()) {
      if (failed == digest) return AboutImage(name, manifest.status());
      failed = std::move(digest);
      continue;
    }
    if (manifest->name != name) {
      return absl::DataLossError(
          absl::StrCat("image ", name, ": its manifest is that of ", manifest->name));
    }
    return Image{*std::move(manifest), std::move(digest)};
  }
  return Changing(name);
}

absl::StatusOr<std::vector<ImageStore::Entry>> ImageStore::List() const {
  std::vector<Entry> entries;
  if (!layout_.has_value()) return entries;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, layout_->names.List());
  for (const std::string& name : names) {
    if (!ValidateImageName(name).ok()) continue;  // nothing of ours
    auto image = Load(name);
    if (absl::IsNotFound(image.status())) continue;  // removed just now
    entries.push_back({name, std::move(image)});
  }
  return entries;
}

absl::StatusOr<Image> ImageStore::Find(const std::string& name) const {
  RETURN_IF_ERROR(ValidateImageName(name));
  if (!layout_.has_value()) return NoSuchImage(name);
  return Load(name);
}

absl::StatusOr<ImageLease> ImageStore::Use(const std::string& name) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSIGN_OR_RETURN(Image image, Find(name));
    auto file = layout_->blobs.OpenFile(image.digest.hex());
    if (absl::IsNotFound(file.status())) continue;  // replaced just now
    RETURN_IF_ERROR(file.status());
    ASSIGN_OR_RETURN(const bool shared, TryFlock(file->fd.get(), LOCK_SH));
    if (!shared) continue;  // being removed
    ASSIGN_OR_RETURN(const Digest now, layout_->ManifestOf(name));
    if (now == image.digest) return ImageLease{std::move(image), std::move(file->fd)};
  }
  return Changing(name);
}

bool ImageStore::IsInUse(const Image& image) const {
  const auto file = layout_->blobs.OpenFile(image.digest.hex());
  if (!file.ok()) return false;
  const auto alone = TryFlock(file->fd.get(), LOCK_EX);
  return alone.ok() && !*alone;
}

absl::StatusOr<StoreDirectory::File> ImageStore::OpenBlob(const BlobReference& blob) const {
  auto file = layout_->blobs.OpenFile(blob.digest.hex());
  if (absl::IsNotFound(file.status())) {
    return absl::DataLossError(
        absl::StrCat(blob.kind, " ", blob.digest.ToString(), " is missing in the store"));
  }
  RETURN_IF_ERROR(file.status());
  if (file->bytes != blob.bytes) {
    return absl::DataLossError(absl::StrCat(blob.kind, " ", blob.digest.ToString(), " has ",
                                            file->bytes, " bytes, expected ", blob.bytes,
                                            ": it was truncated or altered"));
  }
  return file;
}

absl::StatusOr<std::string> ImageStore::PathOf(const BlobReference& blob) const {
  RETURN_IF_ERROR(OpenBlob(blob).status());
  return layout_->blobs.PathOf(blob.digest.hex());
}

absl::Status ImageStore::Verify(const Image& image, Progress& progress) const {
  const std::string& name = image.manifest.name;
  for (const BlobReference& blob : image.manifest.Blobs()) {
    const auto file = OpenBlob(blob);
    if (!file.ok()) return AboutImage(name, file.status());
    progress.Begin(absl::StrCat("verifying ", name, " (", blob.kind, ")"), blob.bytes);
    const auto digest = DigestOfFile(file->fd.get(), blob.bytes, progress);
    if (!digest.ok()) return AboutImage(name, digest.status());
    if (*digest != blob.digest) {
      return absl::DataLossError(absl::StrCat("image ", name, ": ", blob.kind, " ",
                                              blob.digest.ToString(),
                                              " was altered: its digest is ", digest->ToString()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageImport> ImageStore::BeginImport(const std::string& name, bool replace,
                                                    Progress& progress) {
  ASSIGN_OR_RETURN(StoreLayout layout, StoreLayout::Create(home_));
  if (!layout_.has_value()) {
    ASSIGN_OR_RETURN(layout_, StoreLayout::Open(home_));
  }
  return ImageImport::Begin(std::move(layout), name, replace, progress);
}

absl::StatusOr<uint64_t> ImageStore::Remove(const std::string& name, Progress& progress) {
  RETURN_IF_ERROR(ValidateImageName(name));
  if (!layout_.has_value()) return NoSuchImage(name);
  ASSIGN_OR_RETURN(const UniqueFd lock, layout_->Lock(progress));
  ASSIGN_OR_RETURN(const bool exists, layout_->names.Contains(name));
  if (!exists) return NoSuchImage(name);
  {
    // Held until the name is gone, so that nobody begins to use it meanwhile.
    UniqueFd manifest;
    const auto digest = layout_->ManifestOf(name);
    if (digest.ok()) {
      if (auto file = layout_->blobs.OpenFile(digest->hex()); file.ok()) {
        manifest = std::move(file->fd);
      }
    }
    if (manifest) {
      ASSIGN_OR_RETURN(const bool alone, TryFlock(manifest.get(), LOCK_EX));
      if (!alone) {
        return absl::FailedPreconditionError(
            absl::StrCat("image ", name, " is in use by a sandbox; stop it first"));
      }
    }
    RETURN_IF_ERROR(layout_->names.RemoveFile(name));
    RETURN_IF_ERROR(layout_->names.Sync());
  }
  RETURN_IF_ERROR(RemoveLeftovers(*layout_));
  const auto garbage = FindGarbage(*layout_);
  if (!garbage.ok()) {
    LogWarning("the files of image ", name, " stay: ", garbage.status().message());
    return 0;
  }
  return RemoveGarbage(*layout_, *garbage);
}

absl::StatusOr<std::vector<Garbage>> ImageStore::Prune(bool dry_run, Progress& progress) {
  if (!layout_.has_value()) return std::vector<Garbage>();
  ASSIGN_OR_RETURN(const UniqueFd lock, layout_->Lock(progress));
  ASSIGN_OR_RETURN(std::vector<Garbage> garbage, FindGarbage(*layout_));
  if (dry_run) return garbage;
  RETURN_IF_ERROR(RemoveGarbage(*layout_, garbage).status());
  RETURN_IF_ERROR(RemoveLeftovers(*layout_));
  return garbage;
}

void ImageStore::Tidy() {
  if (!layout_.has_value()) return;
  const auto unfinished = layout_->incoming.Contains(kUnfinishedMarker);
  if (!unfinished.ok() || !*unfinished) return;
  const auto lock = layout_->TryLock();
  if (!lock.ok() || !lock->has_value()) return;
  const absl::Status status = RemoveLeftovers(*layout_);
  if (!status.ok()) LogWarning("leftovers of an import: ", status.message());
}

}  // namespace voidbox
