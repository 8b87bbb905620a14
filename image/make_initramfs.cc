// make_initramfs OUTPUT MANIFEST...: a cpio archive of what the manifests list (tree_manifest.h),
// packed as OUTPUT's ending says (.gz, .lz4, .zst).
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/compress.h"
#include "image/file_tree.h"
#include "image/tree_cpio.h"
#include "image/tree_manifest.h"

namespace voidbox {
namespace {

absl::Status MakeInitramfs(int argc, char** argv) {
  if (argc < 3) return absl::InvalidArgumentError("usage: make_initramfs OUTPUT MANIFEST...");
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create());
  for (int i = 2; i < argc; ++i) {
    ASSIGN_OR_RETURN(const std::string manifest, ReadFile(argv[i]));
    if (const absl::Status status = AddManifest(manifest, tree); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat(argv[i], ": ", status.message()));
    }
  }
  ASSIGN_OR_RETURN(const std::string archive, MakeCpio(tree));
  ASSIGN_OR_RETURN(const std::string packed, Compress(archive, CompressionOfName(argv[1])));
  return WriteFileAtomically(argv[1], packed);
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  voidbox::SetLogTarget(2, "make_initramfs");
  const absl::Status status = voidbox::MakeInitramfs(argc, argv);
  if (!status.ok()) voidbox::LogError(status.message());
  return status.ok() ? 0 : 1;
}
