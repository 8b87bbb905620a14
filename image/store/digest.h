#ifndef VOIDBOX_IMAGE_STORE_DIGEST_H_
#define VOIDBOX_IMAGE_STORE_DIGEST_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// A SHA-256 digest (FIPS 180-4), written as OCI image-spec does: "sha256:" and 64 lower-case
// hexadecimal digits.
class Digest {
 public:
  // Of nothing that exists; to be assigned.
  Digest() = default;
  // INVALID_ARGUMENT for anything else than the form above.
  static absl::StatusOr<Digest> Parse(absl::string_view text);
  // From the 64 digits alone.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);
  // Of these bytes.
  static Digest Of(absl::string_view bytes);

  std::string ToString() const { return "sha256:" + hex_; }
  const std::string& hex() const { return hex_; }

  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  friend class Sha256;
  explicit Digest(std::string hex) : hex_(std::move(hex)) {}
  std::string hex_;
};

// Computes one digest piece by piece. Any one thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(absl::string_view bytes);
  void UpdateZeros(uint64_t count);
  // Once, at the end.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_DIGEST_H_
