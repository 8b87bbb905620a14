#ifndef VOIDBOX_IMAGE_BUILDER_NPM_PACKAGE_H_
#define VOIDBOX_IMAGE_BUILDER_NPM_PACKAGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/builder/component.h"
#include "image/file_tree.h"
#include "image/store/progress.h"

namespace voidbox {

// An npm package of one version, as image/flavours/npm-lock.json pins it.
struct NpmPackage {
  std::string name;  // with its scope: @deno/linux-x64-glibc
  std::string version;
  std::string integrity;  // "sha512-" and base64, as in package-lock.json
};

// Finds a package in a lock file. NOT_FOUND, or INVALID_ARGUMENT for a file that is none.
absl::StatusOr<NpmPackage> FindNpmPackage(absl::string_view lock, absl::string_view name);

// The archive of the package in `cache`, fetched from NpmRegistry() unless it is there already;
// checked by its digest in both cases. DATA_LOSS when what the registry has is another file.
absl::StatusOr<std::string> FetchNpmPackage(const NpmPackage& package, const std::string& cache,
                                            Progress& progress);

// The archive's files, in a tree of their own (in package/, as npm packs them); `spool_directory`
// as in FileTree::Create.
absl::StatusOr<FileTree> UnpackNpmPackage(const std::string& archive,
                                          const std::string& spool_directory, Progress& progress);

Component DescribeNpmPackage(const NpmPackage& package);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_NPM_PACKAGE_H_
