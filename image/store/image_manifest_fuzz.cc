#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/store/image_manifest.h"

// What is taken for a manifest is written as one that means the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest =
      voidbox::ParseManifest(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!manifest.ok()) return 0;
  const std::string text = voidbox::SerializeManifest(*manifest);
  const auto again = voidbox::ParseManifest(text);
  voidbox::Check(again.ok(), "a written manifest can be read");
  voidbox::Check(voidbox::SerializeManifest(*again) == text, "a manifest does not change");
  return 0;
}
