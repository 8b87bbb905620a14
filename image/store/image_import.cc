#include "image/store/image_import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/check.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/store/garbage.h"
#include "image/store/image_name.h"
#include "image/store/sparse_file.h"

namespace voidbox {

absl::StatusOr<ImageImport> ImageImport::Begin(StoreLayout layout, const std::string& name,
                                               bool replace, Progress& progress) {
  RETURN_IF_ERROR(ValidateImageName(name));
  ASSIGN_OR_RETURN(UniqueFd lock, layout.Lock(progress));
  ASSIGN_OR_RETURN(const bool exists, layout.names.Contains(name));
  if (exists && !replace) {
    return absl::AlreadyExistsError(absl::StrCat("there is an image called ", name,
                                                 " already; --force replaces it, `voidbox image "
                                                 "rm ",
                                                 name, "` removes it"));
  }
  RETURN_IF_ERROR(RemoveLeftovers(layout));
  ASSIGN_OR_RETURN(const UniqueFd marker, layout.incoming.CreateFile(kUnfinishedMarker));
  return ImageImport(std::move(layout), std::move(lock), name);
}

ImageImport::~ImageImport() {
  if (!lock_) return;
  const absl::Status status = RemoveLeftovers(layout_);
  if (!status.ok()) LogWarning("leftovers of the import of ", name_, ": ", status.message());
}

absl::StatusOr<BlobReference> ImageImport::AddFile(const std::string& path, const std::string& kind,
                                                   absl::string_view what, Progress& progress) {
  const UniqueFd source(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source) return ErrnoStatus(what);
  struct stat attributes;
  if (::fstat(source.get(), &attributes) != 0) return ErrnoStatus(what);
  if (!S_ISREG(attributes.st_mode) || attributes.st_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": empty, or not a regular file"));
  }
  const auto bytes = static_cast<uint64_t>(attributes.st_size);
  const std::string staged = absl::StrCat("copy.", next_file_++);
  ASSIGN_OR_RETURN(const UniqueFd target, layout_.incoming.CreateFile(staged));
  progress.Begin(absl::StrCat("importing ", what.substr(0, what.find(' '))), bytes);
  auto digest = CopySparsely(source.get(), target.get(), bytes, progress);
  if (!digest.ok()) return About(what, digest.status());
  return Stage(staged, target.get(), *std::move(digest), bytes, kind);
}

absl::StatusOr<BlobReference> ImageImport::AddMade(const std::string& name, const std::string& kind,
                                                   Progress& progress) {
  ASSIGN_OR_RETURN(const StoreDirectory::File file, layout_.incoming.OpenFile(name));
  progress.Begin(absl::StrCat("checking ", name), file.bytes);
  auto digest = DigestOfFile(file.fd.get(), file.bytes, progress);
  if (!digest.ok()) return About(name, digest.status());
  return Stage(name, file.fd.get(), *std::move(digest), file.bytes, kind);
}

absl::StatusOr<BlobReference> ImageImport::AddBytes(absl::string_view bytes,
                                                    const std::string& kind) {
  const std::string staged = absl::StrCat("bytes.", next_file_++);
  ASSIGN_OR_RETURN(const UniqueFd target, layout_.incoming.CreateFile(staged));
  if (const absl::Status written = WriteAll(target.get(), bytes); !written.ok()) {
    return About(layout_.incoming.PathOf(staged), written);
  }
  return Stage(staged, target.get(), Digest::Of(bytes), bytes.size(), kind);
}

absl::StatusOr<BlobReference> ImageImport::Stage(const std::string& staged, int fd, Digest digest,
                                                 uint64_t bytes, const std::string& kind) {
  if (::fchmod(fd, 0444) != 0 || ::fsync(fd) != 0) {
    return ErrnoStatus(layout_.incoming.PathOf(staged));
  }
  staged_[digest] = staged;
  return BlobReference{std::move(digest), bytes, kind};
}

absl::StatusOr<Digest> ImageImport::Commit(const ImageManifest& manifest) {
  Check(manifest.name == name_, "an import keeps its name");
  const std::string text = SerializeManifest(manifest);
  // What we write, we can read: a field out of its bounds is told before anything is visible.
  RETURN_IF_ERROR(ParseManifest(text).status());
  for (const BlobReference& blob : manifest.Blobs()) {
    Check(staged_.contains(blob.digest), "a manifest names what was added");
  }
  ASSIGN_OR_RETURN(const BlobReference self, AddBytes(text, "manifest"));
  for (const auto& [digest, staged] : staged_) {
    // One that is there already is replaced by the same bytes: that heals it, should it be damaged.
    // Only a manifest stays, since its lock tells who uses it.
    if (digest == self.digest) {
      ASSIGN_OR_RETURN(const bool there, layout_.blobs.Contains(digest.hex()));
      if (there && ReadManifest(layout_, digest).ok()) continue;
    }
    RETURN_IF_ERROR(layout_.blobs.MoveHere(layout_.incoming, staged, digest.hex()));
  }
  RETURN_IF_ERROR(layout_.blobs.Sync());
  RETURN_IF_ERROR(Publish(self.digest));
  return self.digest;
}

absl::Status ImageImport::Publish(const Digest& manifest) {
  const std::string staged = "name";
  {
    ASSIGN_OR_RETURN(const UniqueFd file, layout_.incoming.CreateFile(staged));
    RETURN_IF_ERROR(WriteAll(file.get(), absl::StrCat(manifest.ToString(), "\n")));
    if (::fsync(file.get()) != 0) return ErrnoStatus(layout_.incoming.PathOf(staged));
  }
  RETURN_IF_ERROR(layout_.names.MoveHere(layout_.incoming, staged, name_));
  return layout_.names.Sync();
}

}  // namespace voidbox
