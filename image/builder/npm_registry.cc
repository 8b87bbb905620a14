#include "image/builder/npm_registry.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/io.h"

namespace voidbox {
namespace {

constexpr char kPublicRegistry[] = "https://registry.npmjs.org";

// The variable; empty when it is not set.
std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The value of the last line `registry = URL` in an npmrc (of the INI kind); empty without one.
std::string RegistryIn(const std::string& npmrc) {
  std::string found;
  for (const absl::string_view line : absl::StrSplit(npmrc, '\n')) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (absl::StripAsciiWhitespace(halves.first) != "registry") continue;
    absl::string_view value = absl::StripAsciiWhitespace(halves.second);
    for (const char* const quote : {"\"", "'"}) {
      if (absl::ConsumePrefix(&value, quote)) absl::ConsumeSuffix(&value, quote);
    }
    found = std::string(value);
  }
  return found;
}

std::string Configured(const std::vector<std::string>& files) {
  for (const char* const name : {"npm_config_registry", "NPM_CONFIG_REGISTRY"}) {
    if (std::string value = Variable(name); !value.empty()) return value;
  }
  for (const std::string& file : files) {
    const auto npmrc = ReadFile(file);
    if (!npmrc.ok()) continue;
    if (std::string value = RegistryIn(*npmrc); !value.empty()) return value;
  }
  return kPublicRegistry;
}

}  // namespace

std::string NpmRegistry(const std::vector<std::string>& files) {
  std::string registry = Configured(files);
  while (!registry.empty() && registry.back() == '/') registry.pop_back();
  return registry;
}

std::string NpmRegistry() {
  std::string users = Variable("NPM_CONFIG_USERCONFIG");
  if (users.empty()) users = absl::StrCat(Variable("HOME"), "/.npmrc");
  return NpmRegistry({users, "/etc/npmrc"});
}

std::string NpmArchiveUrl(absl::string_view registry, absl::string_view name,
                          absl::string_view version) {
  const absl::string_view within_scope = name.substr(name.find('/') + 1);
  return absl::StrCat(registry, "/", name, "/-/", within_scope, "-", version, ".tgz");
}

}  // namespace voidbox
