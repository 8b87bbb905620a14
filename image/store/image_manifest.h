#ifndef VOIDBOX_IMAGE_STORE_IMAGE_MANIFEST_H_
#define VOIDBOX_IMAGE_STORE_IMAGE_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/store/digest.h"
#include "image/store/kernel_release.h"

namespace voidbox {

// Bounds of what a manifest may say. A text is one line of UTF-8 without control characters;
// variables and arguments are UTF-8 without NUL.
inline constexpr size_t kMaxManifestBytes = 1 << 20;
// The kernel's own limit: COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h).
inline constexpr size_t kMaxCommandLineBytes = 2048;
// The largest file of ext4 with blocks of 4 KiB, and so the largest root disk worth naming.
inline constexpr uint64_t kMaxBlobBytes = uint64_t{16} << 40;

// A file of the store.
struct BlobReference {
  Digest digest;
  uint64_t bytes = 0;
  // What is in it: vmlinux or bzimage; cpio, cpio+gzip, cpio+lz4, ...; ext4; spdx+json.
  std::string kind;
};

// Something that the image was made from.
struct ImageInput {
  std::string name;
  std::string version;  // may be empty
  std::optional<Digest> digest;
};

struct ImagePackage {
  std::string name;
  std::string version;
};

// How commands run in the image unless the caller says otherwise.
struct ImageConfig {
  std::vector<std::string> environment;  // NAME=VALUE
  std::string working_directory;         // absolute, or empty
  std::string user;                      // a name or UID:GID, or empty
  // What runs when nothing else is asked for: the one followed by the other. Both may be empty.
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
};

// What one image of the store is. Written as JSON; docs/images.md has an example.
struct ImageManifest {
  std::string name;     // see ValidateImageName
  std::string flavour;  // minimal, debian, ..., or imported
  int64_t created_unix_seconds = 0;
  BlobReference kernel;
  std::string kernel_release;  // as uname(2) tells it; empty where that is not known
  // One of these two, or both.
  std::optional<BlobReference> initramfs;
  std::optional<BlobReference> rootfs;
  std::string command_line;     // words for the kernel beside voidbox' own; may be empty
  std::optional<Digest> agent;  // the agent's binary in it, where that is known
  // With less memory the kernel and its initramfs cannot even be loaded.
  uint64_t minimum_memory_bytes = 0;
  std::vector<ImageInput> inputs;
  std::vector<ImagePackage> packages;
  std::optional<BlobReference> sbom;  // packages as SPDX JSON
  ImageConfig config;

  // Whether the kernel is one of image/kernel, for all that is known.
  bool has_own_kernel() const { return IsOwnKernelRelease(kernel_release); }
  // Every blob that it names.
  std::vector<BlobReference> Blobs() const;
};

// Indented JSON with a newline at its end; the same for equal manifests.
std::string SerializeManifest(const ImageManifest& manifest);

// `text` is hostile. INVALID_ARGUMENT names the field, its value and what is allowed;
// FAILED_PRECONDITION for a manifest of a later schema.
absl::StatusOr<ImageManifest> ParseManifest(absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_IMAGE_MANIFEST_H_
