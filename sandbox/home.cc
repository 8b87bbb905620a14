#include "sandbox/home.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<std::string> Resolve(const std::string& path) {
  std::error_code error;
  std::filesystem::path resolved = std::filesystem::absolute(path, error);
  if (!error) resolved = std::filesystem::weakly_canonical(resolved, error);
  if (error) return ErrnoStatus(path, error.value());
  return resolved.string();
}

constexpr char kOwnVariable[] = "VOIDBOX_HOME";

absl::StatusOr<std::string> FromBaseDirectory(const Environment& environment,
                                              const AccountHomeFunction& account, const char* xdg,
                                              const char* below_home) {
  if (const auto value = environment(xdg)) return Resolve(absl::StrCat(*value, "/voidbox"));
  auto home = environment("HOME");
  if (!home.has_value()) home = account();
  if (home.has_value()) return Resolve(absl::StrCat(*home, "/", below_home, "/voidbox"));
  return absl::FailedPreconditionError(
      absl::StrCat("neither ", kOwnVariable, ", ", xdg,
                   " nor HOME is set in the environment, and this account has no home directory; "
                   "set ",
                   kOwnVariable));
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::string> AccountHome() {
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> strings(16 << 10);
  const int error = ::getpwuid_r(::getuid(), &entry, strings.data(), strings.size(), &found);
  if (error != 0 || found == nullptr || *found->pw_dir == '\0') return std::nullopt;
  return found->pw_dir;
}

absl::StatusOr<std::string> VoidboxHome(const Environment& environment,
                                        const AccountHomeFunction& account) {
  if (const auto own = environment(kOwnVariable)) return Resolve(*own);
  return FromBaseDirectory(environment, account, "XDG_DATA_HOME", ".local/share");
}

absl::StatusOr<std::string> VoidboxCache(const Environment& environment,
                                         const AccountHomeFunction& account) {
  auto cache = FromBaseDirectory(environment, account, "XDG_CACHE_HOME", ".cache");
  const auto own = environment(kOwnVariable);
  if (absl::IsFailedPrecondition(cache.status()) && own.has_value()) {
    return Resolve(absl::StrCat(*own, "/cache"));
  }
  return cache;
}

absl::Status PlaceError(const std::string& path, int error) {
  const absl::string_view help = error == ENOSPC || error == EDQUOT
                                     ? "free some space, or set VOIDBOX_HOME to another place"
                                     : "set VOIDBOX_HOME to a directory that you can write to";
  const absl::Status status = ErrnoStatus(path, error);
  return absl::Status(status.code(), absl::StrCat(status.message(), "; ", help));
}

absl::Status CreatePrivateDirectory(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return PlaceError(parent.string(), error.value());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return PlaceError(path, errno);
  return absl::OkStatus();
}

}  // namespace voidbox
