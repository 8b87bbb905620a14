#include "tools/cli/image/inspect_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/printable_text.h"
#include "base/status_macros.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {
namespace {

void Line(const char* what, const std::string& value) {
  if (value.empty()) return;
  std::fputs(absl::StrFormat("%-12s %s\n", what, PrintableLine(value)).c_str(), stdout);
}

std::string Text(const BlobReference& blob) {
  return absl::StrCat(blob.kind, ", ", HumanBytes(blob.bytes), ", ", blob.digest.ToString());
}

std::string Text(const ImageInput& input) {
  return absl::StrCat(input.name, input.version.empty() ? "" : " ", input.version,
                      input.digest.has_value() ? ", " : "",
                      input.digest.has_value() ? input.digest->ToString() : "");
}

// As JSON has them: control characters are escaped.
std::string Words(const std::vector<std::string>& words) {
  return words.empty() ? "" : nlohmann::json(words).dump(-1, ' ', /*ensure_ascii=*/true);
}

void PrintText(const ImageStore& store, const Image& image) {
  const ImageManifest& manifest = image.manifest;
  Line("name", manifest.name);
  Line("flavour", manifest.flavour);
  Line("digest", image.digest.ToString());
  Line("created", HumanTime(manifest.created_unix_seconds));
  Line("size", HumanBytes(image.Bytes()));
  Line("in use", store.IsInUse(image) ? "yes" : "no");
  Line("kernel", Text(manifest.kernel));
  if (manifest.initramfs.has_value()) Line("initramfs", Text(*manifest.initramfs));
  if (manifest.rootfs.has_value()) Line("rootfs", Text(*manifest.rootfs));
  if (manifest.sbom.has_value()) Line("sbom", Text(*manifest.sbom));
  Line("cmdline", manifest.command_line);
  if (manifest.agent.has_value()) Line("agent", manifest.agent->ToString());
  Line("memory", absl::StrCat(HumanBytes(manifest.minimum_memory_bytes), " at least"));
  for (const std::string& variable : manifest.config.environment) {
    Line("env", absl::Utf8SafeCHexEscape(variable));
  }
  Line("workdir", manifest.config.working_directory);
  Line("user", manifest.config.user);
  Line("entrypoint", Words(manifest.config.entrypoint));
  Line("command", Words(manifest.config.command));
  for (const ImageInput& input : manifest.inputs) Line("made from", Text(input));
  for (const ImagePackage& package : manifest.packages) {
    Line("package", absl::StrCat(package.name, " ", package.version));
  }
}

}  // namespace

FlagParser InspectCommand::AddTo(FlagParser app) {
  const FlagParser inspect =
      app.AddCommand("inspect", "Say what an image is: files, digests, what it was made from");
  inspect.Add("name", name_).Required().Type("NAME");
  AddAutoFormat(inspect, format_);
  inspect.SetFooter("Example:\n  voidbox image inspect debian");
  return inspect;
}

int InspectCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress&) -> absl::Status {
    ASSIGN_OR_RETURN(const ImageStore store, OpenImageStore(/*changes=*/false));
    ASSIGN_OR_RETURN(const Image image, store.Find(name_));
    if (WantsJson(format_)) {
      PrintJson(DescribeImage(store, image));
    } else {
      PrintText(store, image);
    }
    return absl::OkStatus();
  });
}

}  // namespace voidbox
