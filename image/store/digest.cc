#include "image/store/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace voidbox {
namespace {

constexpr size_t kDigestBytes = 32;

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  Check(context_->evp != nullptr && EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr),
        "libcrypto has SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::Update(absl::string_view bytes) {
  Check(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()), "EVP_DigestUpdate");
}

void Sha256::UpdateZeros(uint64_t count) {
  static constexpr std::array<char, 64 << 10> kZeros = {};
  while (count > 0) {
    const size_t piece = std::min<uint64_t>(count, kZeros.size());
    Update(absl::string_view(kZeros.data(), piece));
    count -= piece;
  }
}

Digest Sha256::Finish() {
  std::string digest(kDigestBytes, '\0');
  // EVP wants unsigned characters, which may stand for any object's bytes.
  auto* const bytes = static_cast<unsigned char*>(static_cast<void*>(digest.data()));
  Check(EVP_DigestFinal_ex(context_->evp.get(), bytes, nullptr), "EVP_DigestFinal_ex");
  return Digest(absl::BytesToHexString(digest));
}

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  const bool lower_hex = std::all_of(hex.begin(), hex.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (hex.size() != 2 * kDigestBytes || !lower_hex) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(hex.substr(0, 80)),
                                                   "' is not ", 2 * kDigestBytes,
                                                   " lower-case hexadecimal digits"));
  }
  return Digest(std::string(hex));
}

absl::StatusOr<Digest> Digest::Parse(absl::string_view text) {
  absl::string_view hex = text;
  if (!absl::ConsumePrefix(&hex, "sha256:")) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)),
                                                   "' is not a digest such as sha256:0123..."));
  }
  return FromHex(hex);
}

Digest Digest::Of(absl::string_view bytes) {
  Sha256 sha256;
  sha256.Update(bytes);
  return sha256.Finish();
}

}  // namespace voidbox
