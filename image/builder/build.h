#ifndef VOIDBOX_IMAGE_BUILDER_BUILD_H_
#define VOIDBOX_IMAGE_BUILDER_BUILD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/builder/component.h"
#include "image/file_tree.h"
#include "image/store/image_manifest.h"
#include "image/store/progress.h"

namespace voidbox {

// No file of an image is newer, unless $SOURCE_DATE_EPOCH says otherwise: 2026-01-01. A date that
// is the same for every build, and late enough that programs which know no dates before 1980 work.
inline constexpr int64_t kDefaultSourceDateEpoch = 1767225600;

// What a build takes from this machine and from its caller.
struct BuildOptions {
  // Files.
  std::string agent;
  std::string kernel;
  std::string kernel_config;  // that the kernel was built with
  std::string busybox;        // static; empty where there is none

  std::string base_tarball;     // takes the place of what a flavour would download; may be empty
  std::string mirror;           // of the distribution's packages; empty for its own
  std::string cache_directory;  // for npm packages
  bool deno = true;             // in the flavours that have it
  bool claude_code = false;     // the real one instead of the mock
  int64_t source_date_epoch = kDefaultSourceDateEpoch;
};

// An image on its way: each step of its flavour adds to the tree, and to what it was made from.
// The options and the progress are its maker's, and outlive it.
struct Build {
  const BuildOptions& options;
  Progress& progress;
  FileTree tree;
  std::vector<Component> components;  // for the SBOM
  std::vector<ImageInput> inputs;     // files that it was made from
  std::optional<Digest> agent;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUILD_H_
