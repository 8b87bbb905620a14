#ifndef VOIDBOX_IMAGE_SHA256_H_
#define VOIDBOX_IMAGE_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // of OpenSSL

namespace voidbox {

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 (FIPS 180-4) of bytes that come in pieces. One thread at a time.
class Sha256 {
 public:
  Sha256();

  void Update(absl::string_view data);
  // Adds a number in a form of fixed length, so that neighbouring fields cannot be mistaken.
  void UpdateNumber(uint64_t number);
  // Adds a string behind its length.
  void UpdateString(absl::string_view text);

  // The digest of all that was added. Nothing can be added afterwards.
  Sha256Digest Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Sha256Digest Sha256Of(absl::string_view data);

// 64 hexadecimal digits in lower case.
std::string HexDigest(const Sha256Digest& digest);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_SHA256_H_
