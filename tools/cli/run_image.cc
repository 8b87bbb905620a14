#include "tools/cli/run_image.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/human_units.h"

namespace voidbox {
namespace {

// The image's variables, without those that the flags set, before the flags'.
std::vector<std::string> Environment(const ImageConfig& config,
                                     const std::vector<std::string>& given) {
  std::vector<std::string> environment;
  for (const std::string& variable : config.environment) {
    const std::string name = variable.substr(0, variable.find('='));
    const bool is_given = std::any_of(given.begin(), given.end(), [&](const std::string& one) {
      return one == name || absl::StartsWith(one, absl::StrCat(name, "="));
    });
    if (!is_given) environment.push_back(variable);
  }
  environment.insert(environment.end(), given.begin(), given.end());
  return environment;
}

}  // namespace

absl::StatusOr<RunFlags> WithImage(const RunFlags& flags, const ImageStore& store,
                                   const Image& image) {
  const ImageManifest& manifest = image.manifest;
  ASSIGN_OR_RETURN(const uint64_t memory, ParseMemory(flags.memory));
  if (memory < manifest.minimum_memory_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("image ", manifest.name, " needs ", HumanBytes(manifest.minimum_memory_bytes),
                     " of memory at least, --memory gives ", HumanBytes(memory)));
  }
  RunFlags result = flags;
  result.own_kernel = flags.kernel.empty() && manifest.has_own_kernel();
  if (result.kernel.empty()) {
    ASSIGN_OR_RETURN(result.kernel, store.PathOf(manifest.kernel));
  }
  if (manifest.initramfs.has_value()) {
    ASSIGN_OR_RETURN(result.initramfs, store.PathOf(*manifest.initramfs));
  }
  if (manifest.rootfs.has_value()) {
    ASSIGN_OR_RETURN(result.root_disk.path, store.PathOf(*manifest.rootfs));
  }
  if (!manifest.command_line.empty()) {
    // The user's come last and win.
    result.command_line = absl::StrCat(manifest.command_line, flags.command_line.empty() ? "" : " ",
                                       flags.command_line);
  }
  result.exec.environment = Environment(manifest.config, flags.exec.environment);
  if (result.exec.working_directory.empty()) {
    result.exec.working_directory = manifest.config.working_directory;
  }
  if (result.exec.user.empty()) result.exec.user = manifest.config.user;
  return result;
}

std::vector<std::string> CommandFor(const RunFlags& flags, const ImageConfig& config,
                                    const std::vector<std::string>& given) {
  const bool is_asked = flags.entrypoint.has_value();
  if (!is_asked && (!given.empty() || flags.console)) return given;
  const bool is_images = !is_asked || *flags.entrypoint == kImagesEntrypoint;
  std::vector<std::string> command;
  if (is_images) {
    command = config.entrypoint;
  } else if (!flags.entrypoint->empty()) {
    command.push_back(*flags.entrypoint);
  }
  const std::vector<std::string>& rest = given.empty() && is_images ? config.command : given;
  command.insert(command.end(), rest.begin(), rest.end());
  return command;
}

}  // namespace voidbox
