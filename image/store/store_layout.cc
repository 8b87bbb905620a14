#include "image/store/store_layout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr char kImages[] = "images";
constexpr char kLockName[] = "lock";
constexpr size_t kMaxNameFileBytes = 256;

struct Parts {
  StoreDirectory names, blobs, incoming;
};

absl::StatusOr<Parts> OpenIn(const StoreDirectory& images, bool create) {
  ASSIGN_OR_RETURN(const StoreDirectory all_blobs, images.Below("blobs", create));
  ASSIGN_OR_RETURN(StoreDirectory blobs, all_blobs.Below("sha256", create));
  ASSIGN_OR_RETURN(StoreDirectory incoming, images.Below("incoming", create));
  ASSIGN_OR_RETURN(StoreDirectory names, images.Below("names", create));
  return Parts{std::move(names), std::move(blobs), std::move(incoming)};
}

StoreLayout Assemble(StoreDirectory images, Parts parts) {
  return StoreLayout{std::move(images), std::move(parts.names), std::move(parts.blobs),
                     std::move(parts.incoming)};
}

}  // namespace

absl::StatusOr<std::optional<StoreLayout>> StoreLayout::Open(const std::string& home) {
  auto images = StoreDirectory::Open(absl::StrCat(home, "/", kImages));
  if (absl::IsNotFound(images.status())) return std::nullopt;
  RETURN_IF_ERROR(images.status());
  // Without names there are no images: the first import was killed, or has not made them yet. The
  // other directories may be empty, and such are lost where a backup is played back.
  ASSIGN_OR_RETURN(const bool has_names, images->Contains("names"));
  if (!has_names) return std::nullopt;
  auto layout = OpenIn(*images, /*create=*/false);
  if (absl::IsNotFound(layout.status())) layout = OpenIn(*images, /*create=*/true);
  if (!layout.ok()) return layout.status();
  return Assemble(*std::move(images), *std::move(layout));
}

absl::StatusOr<StoreLayout> StoreLayout::Create(const std::string& home) {
  const std::string path = absl::StrCat(home, "/", kImages);
  std::error_code error;
  std::filesystem::create_directories(home, error);
  if (error) return ErrnoStatus(home, error.value());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(path);
  ASSIGN_OR_RETURN(StoreDirectory images, StoreDirectory::Open(path));
  ASSIGN_OR_RETURN(Parts parts, OpenIn(images, /*create=*/true));
  return Assemble(std::move(images), std::move(parts));
}

absl::StatusOr<UniqueFd> StoreLayout::OpenLock() const {
  UniqueFd fd(::openat(images.fd(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return ErrnoStatus(images.PathOf(kLockName));
  return fd;
}

absl::StatusOr<UniqueFd> StoreLayout::Lock(Progress& progress) const {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenLock());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  progress.Begin("waiting for another command that changes the images", 0);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoStatus(absl::StrCat("flock ", images.PathOf(kLockName)));
    RETURN_IF_ERROR(progress.Advance(0));
  }
  progress.Begin("", 0);
  return fd;
}

absl::StatusOr<std::optional<UniqueFd>> StoreLayout::TryLock() const {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenLock());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) return std::nullopt;
  return ErrnoStatus(absl::StrCat("flock ", images.PathOf(kLockName)));
}

absl::StatusOr<Digest> StoreLayout::ManifestOf(const std::string& name) const {
  const auto text = names.ReadFile(name, kMaxNameFileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        absl::StrCat("no image is called ", name, "; see `voidbox image ls`"));
  }
  RETURN_IF_ERROR(text.status());
  auto digest = Digest::Parse(absl::StripSuffix(*text, "\n"));
  if (!digest.ok()) {
    return absl::DataLossError(
        absl::StrCat("image ", name, ": ", names.PathOf(name), ": ", digest.status().message()));
  }
  return digest;
}

}  // namespace voidbox
