#include "image/builder/alpine_release.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/about_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/download.h"
#include "image/store/sparse_file.h"

namespace voidbox {
namespace {

constexpr char kReleases[] = "/latest-stable/releases/x86_64/";

bool IsFileName(absl::string_view name) {
  return absl::StartsWith(name, "alpine-minirootfs-") && absl::EndsWith(name, ".tar.gz") &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ||
                  c == '_';
         });
}

// Says which mirror it was that failed.
absl::Status OfMirror(const std::string& mirror, const absl::Status& status) {
  return About(absl::StrCat("Alpine mirror ", mirror), status);
}

absl::StatusOr<bool> HasDigest(const std::string& path, const Digest& digest, Progress& progress) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!file || ::fstat(file.get(), &attributes) != 0) return false;
  ASSIGN_OR_RETURN(const Digest found,
                   DigestOfFile(file.get(), static_cast<uint64_t>(attributes.st_size), progress));
  return found == digest;
}

}  // namespace

absl::StatusOr<AlpineRootfs> ParseAlpineReleases(absl::string_view yaml) {
  std::map<std::string, std::string> record;
  const auto is_rootfs = [&] { return record["flavor"] == "alpine-minirootfs"; };
  for (const absl::string_view line : absl::StrSplit(yaml, '\n')) {
    if (absl::StartsWith(line, "-")) {
      if (is_rootfs()) break;
      record.clear();
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    record[std::string(absl::StripAsciiWhitespace(line.substr(0, colon)))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  if (!is_rootfs()) {
    return absl::InvalidArgumentError("list of Alpine's releases: no minirootfs is in it");
  }
  if (!IsFileName(record["file"])) {
    return absl::InvalidArgumentError(
        absl::StrCat("list of Alpine's releases: '", record["file"], "' is no minirootfs"));
  }
  ASSIGN_OR_RETURN(Digest digest, Digest::FromHex(record["sha256"]));
  return AlpineRootfs{record["file"], std::move(digest)};
}

absl::StatusOr<std::string> FetchAlpineRootfs(const std::string& mirror, const std::string& cache,
                                              Progress& progress) {
  const std::string directory = absl::StrCat(mirror, kReleases);
  progress.Begin("asking the Alpine mirror", 0);
  const auto list = DownloadText(absl::StrCat(directory, "latest-releases.yaml"), progress);
  if (!list.ok()) return OfMirror(mirror, list.status());
  ASSIGN_OR_RETURN(const AlpineRootfs rootfs, ParseAlpineReleases(*list));
  const std::string path = absl::StrCat(cache, "/", rootfs.file);
  ASSIGN_OR_RETURN(const bool is_cached, HasDigest(path, rootfs.digest, progress));
  if (is_cached) return path;

  const auto check = [&](const std::string& downloaded) -> absl::Status {
    ASSIGN_OR_RETURN(const bool is_right, HasDigest(downloaded, rootfs.digest, progress));
    if (is_right) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(rootfs.file, " has not the digest ",
                                            rootfs.digest.ToString(),
                                            " that the mirror's list says"));
  };
  progress.Begin(absl::StrCat("downloading ", rootfs.file), 0);
  const absl::Status fetched =
      DownloadFile(absl::StrCat(directory, rootfs.file), path, check, progress);
  if (!fetched.ok()) return OfMirror(mirror, fetched);
  return path;
}

}  // namespace voidbox
