#include "image/builder/integrity.h"

#include <openssl/evp.h>

#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<std::string> Sha512Integrity(
    int fd, const std::function<absl::Status(uint64_t bytes)>& progress) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) != 1) {
    return absl::InternalError("OpenSSL cannot compute SHA-512");
  }
  std::vector<char> piece(1 << 20);
  while (true) {
    ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd, piece.data(), piece.size()));
    EVP_DigestUpdate(context.get(), piece.data(), got);
    RETURN_IF_ERROR(progress(got));
    if (got < piece.size()) break;
  }
  std::vector<unsigned char> bytes(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  const std::string digest(bytes.begin(), bytes.begin() + size);
  return absl::StrCat("sha512-", absl::Base64Escape(digest));
}

}  // namespace voidbox
