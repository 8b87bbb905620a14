#include "image/builder/alpine_release.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/build_program.h"
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

// Fetches `url`: into a file, or where `path` is empty as what is returned.
absl::StatusOr<std::string> Fetch(const std::string& mirror, const std::string& url,
                                  const std::string& path, Progress& progress) {
  ASSIGN_OR_RETURN(const std::string curl, FindProgram("curl", "curl"));
  std::vector<std::string> argv = {
      curl, "--fail", "--silent", "--show-error", "--location", "--connect-timeout", "20"};
  if (!path.empty()) argv.insert(argv.end(), {"--output", path});
  argv.push_back(url);
  ASSIGN_OR_RETURN(BuildProgram program, BuildProgram::Start(argv));
  auto output = program.ReadOutput(progress, 1 << 20);
  if (!absl::IsAborted(output.status())) return output;
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(output.status().message()), '\n');
  return absl::UnavailableError(absl::StrCat("Alpine mirror ", mirror, ": ", lines.back()));
}

absl::StatusOr<bool> HasDigest(const std::string& path, const Digest& digest, Progress& progress) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!file || ::fstat(file.get(), &attributes) != 0) return false;
  ASSIGN_OR_RETURN(const Digest found,
                   DigestOfFile(file.get(), static_cast<uint64_t>(attributes.st_size), progress));
  return found == digest;
}

// Fetches the minirootfs to `path`.
absl::Status FetchChecked(const std::string& mirror, const std::string& url,
                          const AlpineRootfs& rootfs, const std::string& path, Progress& progress) {
  progress.Begin(absl::StrCat("downloading ", rootfs.file), 0);
  RETURN_IF_ERROR(Fetch(mirror, url, path, progress).status());
  ASSIGN_OR_RETURN(const bool is_right, HasDigest(path, rootfs.digest, progress));
  if (is_right) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("Alpine mirror ", mirror, ": ", rootfs.file,
                                          " has not the digest ", rootfs.digest.ToString(),
                                          " that the mirror's list says"));
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
  ASSIGN_OR_RETURN(const std::string list,
                   Fetch(mirror, absl::StrCat(directory, "latest-releases.yaml"), "", progress));
  ASSIGN_OR_RETURN(const AlpineRootfs rootfs, ParseAlpineReleases(list));
  const std::string path = absl::StrCat(cache, "/", rootfs.file);
  ASSIGN_OR_RETURN(const bool is_cached, HasDigest(path, rootfs.digest, progress));
  if (is_cached) return path;

  std::error_code error;
  std::filesystem::create_directories(cache, error);
  if (error) return ErrnoStatus(cache, error.value());
  const std::string part = absl::StrCat(path, ".part");
  absl::Status fetched =
      FetchChecked(mirror, absl::StrCat(directory, rootfs.file), rootfs, part, progress);
  if (!fetched.ok()) {
    std::filesystem::remove(part, error);
    return fetched;
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) return ErrnoStatus(path);
  return path;
}

}  // namespace voidbox
