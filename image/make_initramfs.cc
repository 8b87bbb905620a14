// make_initramfs OUTPUT MANIFEST...: writes the uncompressed cpio archive that the manifests list
// (see initramfs_manifest.h), for the kernel to unpack as its initramfs.
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/cpio_writer.h"
#include "image/initramfs_manifest.h"

namespace voidbox {
namespace {

absl::Status MakeInitramfs(int argc, char** argv) {
  if (argc < 3) return absl::InvalidArgumentError("usage: make_initramfs OUTPUT MANIFEST...");
  CpioWriter writer;
  for (int i = 2; i < argc; ++i) {
    ASSIGN_OR_RETURN(const std::string manifest, ReadFile(argv[i]));
    if (const absl::Status status = AddManifest(manifest, writer); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat(argv[i], ": ", status.message()));
    }
  }
  ASSIGN_OR_RETURN(const std::string archive, writer.Finish());
  return WriteFileAtomically(argv[1], archive);
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  voidbox::SetLogTarget(2, "make_initramfs");
  const absl::Status status = voidbox::MakeInitramfs(argc, argv);
  if (!status.ok()) voidbox::LogError(status.message());
  return status.ok() ? 0 : 1;
}
