#include "image/builder/npm_package.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/build_program.h"
#include "image/builder/integrity.h"
#include "image/byte_source.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

// A directory for one download, gone with this object.
class DownloadDirectory {
 public:
  static absl::StatusOr<DownloadDirectory> Create(const std::string& cache) {
    std::error_code error;
    std::filesystem::create_directories(cache, error);
    if (error) return ErrnoStatus(cache, error.value());
    std::string path = absl::StrCat(cache, "/download.XXXXXX");
    if (::mkdtemp(path.data()) == nullptr) return ErrnoStatus(path);
    return DownloadDirectory(std::move(path));
  }
  DownloadDirectory(DownloadDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  DownloadDirectory& operator=(DownloadDirectory&&) = delete;
  ~DownloadDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  // The one file in it.
  absl::StatusOr<std::string> File() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() == ".tgz") return entry.path().string();
    }
    return absl::NotFoundError(absl::StrCat("npm pack left no archive in ", path_));
  }

 private:
  explicit DownloadDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

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

  ASSIGN_OR_RETURN(const std::string npm, FindProgram("npm", "npm"));
  ASSIGN_OR_RETURN(const DownloadDirectory directory, DownloadDirectory::Create(cache));
  progress.Begin(absl::StrCat("downloading ", package.name, " ", package.version), 0);
  ASSIGN_OR_RETURN(
      BuildProgram program,
      BuildProgram::Start({npm, "pack", "--silent", "--pack-destination", directory.path(),
                           absl::StrCat(package.name, "@", package.version)}));
  RETURN_IF_ERROR(program.ReadOutput(progress).status());
  ASSIGN_OR_RETURN(const std::string downloaded, directory.File());
  progress.Begin(absl::StrCat("checking ", package.name), BytesOf(downloaded));
  ASSIGN_OR_RETURN(const bool is_right, HasIntegrity(downloaded, package.integrity, progress));
  if (!is_right) {
    return absl::DataLossError(absl::StrCat("npm package ", package.name, " ", package.version,
                                            " is not the file with the integrity ",
                                            package.integrity, " of the lock file"));
  }
  if (::rename(downloaded.c_str(), path.c_str()) != 0) return ErrnoStatus(path);
  return path;
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
