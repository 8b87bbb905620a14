#include "image/builder/base_steps.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/alpine_release.h"
#include "image/builder/debian_base.h"
#include "image/builder/package_database.h"
#include "image/builder/tree_files.h"
#include "image/byte_source.h"
#include "image/flavours/flavour_files.h"
#include "image/sha256.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

constexpr size_t kMaxDatabaseBytes = 64 << 20;

// Adds the tarball's files, and the tarball to what the image is made from.
absl::Status AddTarball(Build& build, const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!file || ::fstat(file.get(), &attributes) != 0) return ErrnoStatus(path);
  build.progress.Begin("reading the base", static_cast<uint64_t>(attributes.st_size));
  Sha256 hash;
  const ByteSource packed = DescriptorSource(file.get());
  const ByteSource source = [&](char* data, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t got, packed(data, size));
    hash.Update(absl::string_view(data, got));
    RETURN_IF_ERROR(build.progress.Advance(got));
    return got;
  };
  const auto summary = ReadTar(source, {.devices = TarOptions::Devices::kDrop}, build.tree);
  RETURN_IF_ERROR(About(path, summary.status()));
  if (summary->entries == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": there is nothing in it"));
  }
  // What follows the archive's end belongs to the file all the same.
  char rest[4096];
  while (true) {
    ASSIGN_OR_RETURN(const size_t got, source(rest, sizeof(rest)));
    if (got == 0) break;
  }
  build.inputs.push_back({.name = "base", .version = "", .digest = Digest(hash.Finish())});
  return absl::OkStatus();
}

using ParseDatabase = absl::StatusOr<std::vector<Component>> (*)(absl::string_view text);

absl::Status RecordPackages(Build& build, const char* database, ParseDatabase parse) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(build.tree, database, kMaxDatabaseBytes));
  ASSIGN_OR_RETURN(std::vector<Component> packages, parse(text));
  for (Component& package : packages) build.components.push_back(std::move(package));
  return absl::OkStatus();
}

absl::Status AddDebianWith(Build& build, const std::vector<std::string>& packages) {
  if (!build.options.base_tarball.empty()) {
    RETURN_IF_ERROR(AddTarball(build, build.options.base_tarball));
  } else {
    RETURN_IF_ERROR(AddDebian({.packages = packages,
                               .mirror = build.options.mirror,
                               .source_date_epoch = build.options.source_date_epoch},
                              build.tree, build.progress));
  }
  RETURN_IF_ERROR(RemoveTracesOfBuild(build.tree));
  return RecordPackages(build, "/var/lib/dpkg/status", ParseDpkgStatus);
}

}  // namespace

absl::Status AddDebianBase(Build& build) {
  return AddDebianWith(build, ParsePackageList(kDebianPackages));
}

absl::Status AddAgentsBase(Build& build) {
  std::vector<std::string> packages = ParsePackageList(kDebianPackages);
  for (std::string& package : ParsePackageList(kAgentsPackages)) {
    packages.push_back(std::move(package));
  }
  return AddDebianWith(build, packages);
}

absl::Status AddAlpineBase(Build& build) {
  std::string tarball = build.options.base_tarball;
  if (tarball.empty()) {
    if (build.options.mirror.empty()) {
      return absl::InvalidArgumentError(
          "the alpine flavour needs --mirror URL of an Alpine mirror, or --base FILE with a "
          "minirootfs tarball");
    }
    ASSIGN_OR_RETURN(tarball, FetchAlpineRootfs(build.options.mirror, build.options.cache_directory,
                                                build.progress));
  }
  RETURN_IF_ERROR(AddTarball(build, tarball));
  RETURN_IF_ERROR(RemoveTracesOfBuild(build.tree));
  return RecordPackages(build, "/lib/apk/db/installed", ParseApkInstalled);
}

}  // namespace voidbox
