#include "image/builder/npm_package.h"

#include <fcntl.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/download.h"
#include "image/builder/integrity.h"
#include "image/builder/npm_registry.h"
#include "image/byte_source.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

absl::StatusOr<bool> HasIntegrity(const std::string& path, const std::string& integrity,
                                  Progress& progress) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return false;
    return ErrnoStatus(path);
  }
  ASSIGN_OR_RETURN(const std::string found, Sha512Integrity(file.get(), [&](uint64_t bytes) {
                     return progress.Advance(bytes);
                   }));
  return found == integrity;
}

uint64_t BytesOf(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace

absl::StatusOr<NpmPackage> FindNpmPackage(absl::string_view lock, absl::string_view name) {
  const auto packages = nlohmann::json::parse(lock.begin(), lock.end(), nullptr, false);
  if (!packages.is_object()) {
    return absl::InvalidArgumentError("npm lock file: not a JSON object");
  }
  const auto entry = packages.find(std::string(name));
  if (entry == packages.end()) {
    return absl::NotFoundError(absl::StrCat("npm lock file: it has no package ", name));
  }
  const auto text = [&](const char* key) {
    const auto value = entry->is_object() ? entry->find(key) : entry->end();
    return entry->is_object() && value != entry->end() && value->is_string()
               ? value->get<std::string>()
               : std::string();
  };
  NpmPackage package = {
      .name = std::string(name), .version = text("version"), .integrity = text("integrity")};
  if (package.version.empty() || package.integrity.rfind("sha512-", 0) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("npm lock file: ", name, " has no version or no sha512 integrity"));
  }
  return package;
}

absl::StatusOr<std::string> FetchNpmPackage(const NpmPackage& package, const std::string& cache,
                                            Progress& progress) {
  const std::string path =
      absl::StrCat(cache, "/", absl::StrReplaceAll(package.name, {{"/", "-"}, {"@", ""}}), "-",
                   package.version, ".tgz");
  progress.Begin(absl::StrCat("checking ", package.name), BytesOf(path));
  ASSIGN_OR_RETURN(const bool is_cached, HasIntegrity(path, package.integrity, progress));
  if (is_cached) return path;

  const auto check = [&](const std::string& downloaded) -> absl::Status {
    progress.Begin(absl::StrCat("checking ", package.name), BytesOf(downloaded));
    ASSIGN_OR_RETURN(const bool is_right, HasIntegrity(downloaded, package.integrity, progress));
    if (is_right) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("it is not the file with the integrity ",
                                            package.integrity, " of the lock file"));
  };
  const std::string url = NpmArchiveUrl(NpmRegistry(), package.name, package.version);
  progress.Begin(absl::StrCat("downloading ", package.name, " ", package.version), 0);
  const absl::Status status = DownloadFile(url, path, check, progress);
  if (status.ok()) return path;
  return About(absl::StrCat("npm package ", package.name, " ", package.version, ", ", url), status);
}

absl::StatusOr<FileTree> UnpackNpmPackage(const std::string& archive,
                                          const std::string& spool_directory, Progress& progress) {
  const UniqueFd file(::open(archive.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(archive);
  progress.Begin(absl::StrCat("unpacking ", std::filesystem::path(archive).filename().string()),
                 BytesOf(archive));
  const ByteSource packed = DescriptorSource(file.get());
  const ByteSource source = [&](char* data, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t got, packed(data, size));
    RETURN_IF_ERROR(progress.Advance(got));
    return got;
  };
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create({}, spool_directory));
  const auto summary = ReadTar(source, {}, tree);
  if (!summary.ok()) {
    return absl::Status(summary.status().code(),
                        absl::StrCat(archive, ": ", summary.status().message()));
  }
  return tree;
}

Component DescribeNpmPackage(const NpmPackage& package) {
  // The scope's @ is percent-encoded in a package URL.
  return {.name = package.name,
          .version = package.version,
          .purl = absl::StrCat("pkg:npm/", absl::StrReplaceAll(package.name, {{"@", "%40"}}), "@",
                               package.version),
          .digest = std::nullopt,
          .comment = absl::StrCat("integrity ", package.integrity)};
}

}  // namespace voidbox
