#include "sandbox/home.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<std::string> Resolve(const std::string& path) {
  std::error_code error;
  const std::filesystem::path resolved =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) return ErrnoStatus(path, error.value());
  return resolved.string();
}

absl::StatusOr<std::string> FromEnvironment(const Environment& environment, const char* own,
                                            const char* xdg, const char* below_home) {
  if (own != nullptr) {
    if (const auto value = environment(own)) return Resolve(*value);
  }
  if (const auto value = environment(xdg)) return Resolve(absl::StrCat(*value, "/voidbox"));
  if (const auto value = environment("HOME")) {
    return Resolve(absl::StrCat(*value, "/", below_home, "/voidbox"));
  }
  return absl::FailedPreconditionError(absl::StrCat("neither ",
                                                    own != nullptr ? absl::StrCat(own, ", ") : "",
                                                    xdg, " nor HOME is set in the environment"));
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

absl::StatusOr<std::string> VoidboxHome(const Environment& environment) {
  return FromEnvironment(environment, "VOIDBOX_HOME", "XDG_DATA_HOME", ".local/share");
}

absl::StatusOr<std::string> VoidboxCache(const Environment& environment) {
  return FromEnvironment(environment, nullptr, "XDG_CACHE_HOME", ".cache");
}

absl::Status CreatePrivateDirectory(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return ErrnoStatus(parent.string(), error.value());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(path);
  return absl::OkStatus();
}

}  // namespace voidbox
