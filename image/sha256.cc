#include "image/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "base/check.h"

namespace voidbox {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
        "SHA-256 is at hand");
}

void Sha256::Update(absl::string_view data) {
  Check(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1, "SHA-256 takes data");
}

void Sha256::UpdateNumber(uint64_t number) {
  std::array<char, sizeof(number)> bytes = {};
  for (char& byte : bytes) {
    byte = static_cast<char>(number);
    number >>= 8;
  }
  Update(absl::string_view(bytes.data(), bytes.size()));
}

void Sha256::UpdateString(absl::string_view text) {
  UpdateNumber(text.size());
  Update(text);
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest = {};
  Check(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1, "SHA-256 ends once");
  return digest;
}

Sha256Digest Sha256Of(absl::string_view data) {
  Sha256 hash;
  hash.Update(data);
  return hash.Finish();
}

std::string HexDigest(const Sha256Digest& digest) {
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

}  // namespace voidbox
