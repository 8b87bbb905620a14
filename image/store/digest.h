#ifndef VOIDBOX_IMAGE_STORE_DIGEST_H_
#define VOIDBOX_IMAGE_STORE_DIGEST_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/sha256.h"

namespace voidbox {

// A SHA-256 digest, written as OCI image-spec does: "sha256:" and 64 lower-case hexadecimal digits.
class Digest {
 public:
  // Of nothing that exists; to be assigned.
  Digest() = default;
  explicit Digest(const Sha256Digest& sha256) : hex_(HexDigest(sha256)) {}
  // INVALID_ARGUMENT for anything else than the form above.
  static absl::StatusOr<Digest> Parse(absl::string_view text);
  // From the 64 digits alone.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);
  // Of these bytes.
  static Digest Of(absl::string_view bytes) { return Digest(Sha256Of(bytes)); }

  std::string ToString() const { return "sha256:" + hex_; }
  const std::string& hex() const { return hex_; }

  friend bool operator==(const Digest&, const Digest&) = default;
  friend bool operator<(const Digest& a, const Digest& b) { return a.hex_ < b.hex_; }

 private:
  explicit Digest(std::string hex) : hex_(std::move(hex)) {}
  std::string hex_;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_DIGEST_H_
