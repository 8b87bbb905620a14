#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "base/check.h"
#include "image/oci_manifest.h"
#include "image/oci_reference.h"

// Whatever the text, no parser throws, and each digest that comes out is one.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto check = [](const std::string& hex) {
    voidbox::Check(voidbox::ParseSha256("sha256:" + hex).ok(), "a digest has 64 digits");
  };
  if (const auto parsed = voidbox::ParseOciManifest(text); parsed.ok()) {
    if (const auto* const index = std::get_if<voidbox::OciIndex>(&*parsed)) {
      for (const auto& descriptor : index->manifests) check(descriptor.hex);
    } else {
      for (const auto& layer : std::get<voidbox::OciManifest>(*parsed).layers) check(layer.hex);
    }
  }
  if (const auto config = voidbox::ParseOciConfig(text); config.ok()) {
    for (const std::string& hex : config->diff_ids) check(hex);
  }
  const auto unused = voidbox::ParseDockerManifest(text);
  // A name that is completed stays as it is when it is completed again.
  const std::string whole = voidbox::CompleteImageName(text);
  voidbox::Check(voidbox::CompleteImageName(whole) == whole, "a whole name is whole");
  const auto variant = voidbox::ParseGuestPlatform(text);
  voidbox::Check(!variant.ok() || text.empty() || text.find("linux/") == 0, "a guest has Linux");
  return 0;
}
