// An image's user, its passwd file and its group file, one behind the other with NUL between them.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "image/store/container_user.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view rest(reinterpret_cast<const char*>(data), size);
  absl::string_view parts[3];
  for (absl::string_view& part : parts) {
    part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(part.size() == rest.size() ? part.size() : part.size() + 1);
  }
  const auto user = voidbox::FindContainerUser(parts[0], parts[1], parts[2]);
  if (!user.ok()) return 0;
  voidbox::Check(user->uid != UINT32_MAX && user->gid != UINT32_MAX, "ids are ids");
  voidbox::Check(!user->text.empty() && user->text.find('\n') == user->text.npos, "one line");
  return 0;
}
