// A guest's passwd file, which is taken for its group file too. The first line is the user that is
// asked for.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "agent/accounts.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == absl::string_view::npos) return 0;
  const absl::string_view file = text.substr(end + 1);
  const auto account = voidbox::FindAccountIn(text.substr(0, end), file, file);
  if (!account.ok()) return 0;
  voidbox::Check(account->uid != UINT32_MAX && account->gid != UINT32_MAX, "ids are ids");
  voidbox::Check(account->groups.size() <= voidbox::kMaxGroups, "groups are bounded");
  voidbox::Check(account->groups.empty() || !account->name.empty(), "groups are of names");
  voidbox::Check(account->home[0] == '/', "homes are absolute");
  voidbox::Check(account->home.find('\0') == std::string::npos, "homes are C strings");
  return 0;
}
