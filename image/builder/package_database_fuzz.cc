#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/builder/package_database.h"
#include "image/builder/sbom.h"

// Whatever an image's databases say: the packages have names, and can be written as JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& packages : {voidbox::ParseDpkgStatus(text), voidbox::ParseApkInstalled(text)}) {
    if (!packages.ok()) continue;
    for (const voidbox::Component& package : *packages) {
      voidbox::Check(!package.name.empty() && !package.version.empty(), "a package has a name");
    }
    voidbox::Check(!voidbox::MakeSbom("image", *packages, 0).empty(), "an SBOM is written");
  }
  return 0;
}
