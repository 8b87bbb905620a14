#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/builder/alpine_release.h"

// Whatever a mirror's list says: the file is one in its directory.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto rootfs =
      voidbox::ParseAlpineReleases(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!rootfs.ok()) return 0;
  voidbox::Check(!absl::StrContains(rootfs->file, "/"), "the file is a name");
  voidbox::Check(rootfs->digest.hex().size() == 64, "the digest is one");
  return 0;
}
