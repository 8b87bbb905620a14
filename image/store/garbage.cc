#include "image/store/garbage.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint64_t kStatBlockBytes = 512;  // of st_blocks, stat(2)

void AddBlobs(const ImageManifest& manifest, std::set<std::string>& needed) {
  for (const BlobReference& blob : manifest.Blobs()) needed.insert(blob.digest.hex());
}

// The names of the blobs that images need.
absl::StatusOr<std::set<std::string>> NamedBlobs(const StoreLayout& layout) {
  std::set<std::string> needed;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, layout.names.List());
  for (const std::string& name : names) {
    const auto digest = layout.ManifestOf(name);
    const auto manifest = digest.ok() ? ReadManifest(layout, *digest)
                                      : absl::StatusOr<ImageManifest>(digest.status());
    if (!manifest.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("image ", name, " is broken (", manifest.status().message(),
                       "), so that its blobs are not known; remove or import it again first"));
    }
    needed.insert(digest->hex());
    AddBlobs(*manifest, needed);
  }
  return needed;
}

// Whether somebody holds a lock on the file.
bool IsLocked(const StoreLayout& layout, const std::string& name) {
  const auto file = layout.blobs.OpenFile(name);
  if (!file.ok()) return false;
  return ::flock(file->fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

absl::StatusOr<ImageManifest> ReadManifest(const StoreLayout& layout, const Digest& digest) {
  auto text = layout.blobs.ReadFile(digest.hex(), kMaxManifestBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::DataLossError(absl::StrCat("manifest ", digest.ToString(), " is missing"));
  }
  RETURN_IF_ERROR(text.status());
  if (const Digest actual = Digest::Of(*text); actual != digest) {
    return absl::DataLossError(absl::StrCat("manifest ", digest.ToString(),
                                            " was altered: its digest is ", actual.ToString()));
  }
  auto manifest = ParseManifest(*text);
  if (!manifest.ok()) {
    return absl::Status(manifest.status().code(), absl::StrCat("manifest ", digest.ToString(), ": ",
                                                               manifest.status().message()));
  }
  return manifest;
}

absl::StatusOr<std::vector<Garbage>> FindGarbage(const StoreLayout& layout) {
  ASSIGN_OR_RETURN(std::set<std::string> needed, NamedBlobs(layout));
  ASSIGN_OR_RETURN(const std::vector<std::string> all, layout.blobs.List());
  // A sandbox may use an image that was replaced or removed meanwhile.
  const std::set<std::string> named = needed;
  for (const std::string& name : all) {
    if (named.contains(name) || !IsLocked(layout, name)) continue;
    needed.insert(name);
    const auto digest = Digest::FromHex(name);
    if (!digest.ok()) continue;
    const auto manifest = ReadManifest(layout, *digest);
    if (manifest.ok()) AddBlobs(*manifest, needed);
  }
  std::vector<Garbage> garbage;
  for (const std::string& name : all) {
    struct stat attributes;
    if (needed.contains(name) ||
        ::fstatat(layout.blobs.fd(), name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    garbage.push_back({name, static_cast<uint64_t>(attributes.st_blocks) * kStatBlockBytes});
  }
  return garbage;
}

absl::StatusOr<uint64_t> RemoveGarbage(const StoreLayout& layout,
                                       const std::vector<Garbage>& garbage) {
  uint64_t freed = 0;
  for (const Garbage& one : garbage) {
    RETURN_IF_ERROR(layout.blobs.RemoveFile(one.name));
    freed += one.bytes;
  }
  return freed;
}

absl::Status RemoveLeftovers(const StoreLayout& layout) {
  ASSIGN_OR_RETURN(const bool unfinished, layout.incoming.Contains(kUnfinishedMarker));
  if (!unfinished) return absl::OkStatus();
  const auto garbage = FindGarbage(layout);
  if (garbage.ok()) RETURN_IF_ERROR(RemoveGarbage(layout, *garbage).status());
  // A broken image keeps its blobs, and so what the killed import had added to them.
  if (!garbage.ok()) LogWarning("leftovers of an import: ", garbage.status().message());
  ASSIGN_OR_RETURN(std::vector<std::string> names, layout.incoming.List());
  // The marker goes last, so that this is done again when it is interrupted.
  std::erase(names, kUnfinishedMarker);
  names.push_back(kUnfinishedMarker);
  for (const std::string& name : names) {
    std::error_code error;
    std::filesystem::remove_all(layout.incoming.PathOf(name), error);
    if (error) return ErrnoStatus(layout.incoming.PathOf(name), error.value());
  }
  return absl::OkStatus();
}

}  // namespace voidbox
