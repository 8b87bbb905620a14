#include "image/store/image_manifest.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "image/store/image_name.h"
#include "image/store/json_fields.h"

namespace voidbox {
namespace {

constexpr uint64_t kSchema = 1;
constexpr int kMaxDepth = 4;
constexpr size_t kMaxList = 4096;
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxKindBytes = 32;
constexpr size_t kMaxReleaseBytes = 64;        // of utsname::release
constexpr size_t kMaxPathBytes = 4095;         // PATH_MAX without the final zero
constexpr size_t kMaxStringBytes = 128 << 10;  // MAX_ARG_STRLEN, of arguments and variables
constexpr uint64_t kMaxMinimumMemory = uint64_t{1} << 40;

nlohmann::json ToJson(const BlobReference& blob) {
  return {{"digest", blob.digest.ToString()}, {"bytes", blob.bytes}, {"kind", blob.kind}};
}

nlohmann::json ToJson(const ImageConfig& config) {
  nlohmann::json json = nlohmann::json::object();
  if (!config.environment.empty()) json["environment"] = config.environment;
  if (!config.working_directory.empty()) json["working_directory"] = config.working_directory;
  if (!config.user.empty()) json["user"] = config.user;
  if (!config.entrypoint.empty()) json["entrypoint"] = config.entrypoint;
  if (!config.command.empty()) json["command"] = config.command;
  return json;
}

nlohmann::json ToJson(const ImageInput& input) {
  nlohmann::json json = {{"name", input.name}};
  if (!input.version.empty()) json["version"] = input.version;
  if (input.digest.has_value()) json["digest"] = input.digest->ToString();
  return json;
}

absl::StatusOr<std::string> TakeRequired(JsonFields& fields, const char* name, size_t max_bytes) {
  ASSIGN_OR_RETURN(std::string text, fields.TakeText(name, max_bytes));
  if (text.empty()) return fields.Error(name, "missing");
  return text;
}

absl::StatusOr<std::optional<Digest>> TakeDigest(JsonFields& fields, const char* name) {
  ASSIGN_OR_RETURN(const std::string text, fields.TakeText(name, kMaxNameBytes));
  if (text.empty()) return std::nullopt;
  auto digest = Digest::Parse(text);
  if (!digest.ok()) return fields.Error(name, digest.status().message());
  return *std::move(digest);
}

absl::StatusOr<std::optional<BlobReference>> TakeBlob(JsonFields& fields, const char* name,
                                                      absl::string_view kind_prefix) {
  ASSIGN_OR_RETURN(auto object, fields.TakeObject(name));
  if (!object.has_value()) return std::nullopt;
  BlobReference blob;
  ASSIGN_OR_RETURN(auto digest, TakeDigest(*object, "digest"));
  if (!digest.has_value()) return object->Error("digest", "missing");
  blob.digest = *std::move(digest);
  ASSIGN_OR_RETURN(blob.bytes, object->TakeNumber("bytes", kMaxBlobBytes));
  if (blob.bytes == 0) return object->Error("bytes", "0, expected 1 or more");
  ASSIGN_OR_RETURN(blob.kind, TakeRequired(*object, "kind", kMaxKindBytes));
  if (!absl::StartsWith(blob.kind, kind_prefix)) {
    return object->Error("kind",
                         absl::StrCat("'", blob.kind, "' does not begin with ", kind_prefix));
  }
  RETURN_IF_ERROR(object->Finish());
  return blob;
}

absl::Status TakeBlobs(JsonFields& fields, ImageManifest& manifest) {
  ASSIGN_OR_RETURN(auto kernel, TakeBlob(fields, "kernel", ""));
  if (!kernel.has_value()) return fields.Error("kernel", "missing");
  if (kernel->kind != "vmlinux" && kernel->kind != "bzimage") {
    return fields.Error("kernel.kind",
                        absl::StrCat("'", kernel->kind, "' is not one of vmlinux, bzimage"));
  }
  manifest.kernel = *std::move(kernel);
  ASSIGN_OR_RETURN(manifest.initramfs, TakeBlob(fields, "initramfs", "cpio"));
  ASSIGN_OR_RETURN(manifest.rootfs, TakeBlob(fields, "rootfs", "ext4"));
  if (!manifest.initramfs.has_value() && !manifest.rootfs.has_value()) {
    return fields.Error("rootfs", "missing, and so is initramfs: one of them is needed");
  }
  ASSIGN_OR_RETURN(manifest.sbom, TakeBlob(fields, "sbom", "spdx+json"));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ImageInput>> TakeInputs(JsonFields& fields) {
  std::vector<ImageInput> inputs;
  ASSIGN_OR_RETURN(std::vector<JsonFields> objects, fields.TakeObjects("inputs", kMaxList));
  for (JsonFields& object : objects) {
    ImageInput input;
    ASSIGN_OR_RETURN(input.name, TakeRequired(object, "name", kMaxNameBytes));
    ASSIGN_OR_RETURN(input.version, object.TakeText("version", kMaxNameBytes));
    ASSIGN_OR_RETURN(input.digest, TakeDigest(object, "digest"));
    RETURN_IF_ERROR(object.Finish());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

absl::StatusOr<std::vector<ImagePackage>> TakePackages(JsonFields& fields) {
  std::vector<ImagePackage> packages;
  ASSIGN_OR_RETURN(std::vector<JsonFields> objects, fields.TakeObjects("packages", kMaxList));
  for (JsonFields& object : objects) {
    ImagePackage package;
    ASSIGN_OR_RETURN(package.name, TakeRequired(object, "name", kMaxNameBytes));
    ASSIGN_OR_RETURN(package.version, TakeRequired(object, "version", kMaxNameBytes));
    RETURN_IF_ERROR(object.Finish());
    packages.push_back(std::move(package));
  }
  return packages;
}

absl::StatusOr<ImageConfig> TakeConfig(JsonFields& fields) {
  ImageConfig config;
  ASSIGN_OR_RETURN(auto object, fields.TakeObject("config"));
  if (!object.has_value()) return config;
  ASSIGN_OR_RETURN(config.environment,
                   object->TakeStrings("environment", kMaxList, kMaxStringBytes));
  for (const std::string& variable : config.environment) {
    if (variable.find('=') == std::string::npos || variable[0] == '=') {
      return object->Error(
          "environment",
          absl::StrCat("'", absl::CHexEscape(variable.substr(0, 64)), "' is not NAME=VALUE"));
    }
  }
  ASSIGN_OR_RETURN(config.working_directory, object->TakeText("working_directory", kMaxPathBytes));
  if (!config.working_directory.empty() && config.working_directory[0] != '/') {
    return object->Error("working_directory",
                         absl::StrCat("'", config.working_directory, "' is not absolute"));
  }
  ASSIGN_OR_RETURN(config.user, object->TakeText("user", kMaxNameBytes));
  ASSIGN_OR_RETURN(config.entrypoint, object->TakeStrings("entrypoint", kMaxList, kMaxStringBytes));
  ASSIGN_OR_RETURN(config.command, object->TakeStrings("command", kMaxList, kMaxStringBytes));
  RETURN_IF_ERROR(object->Finish());
  return config;
}

absl::Status TakeHead(JsonFields& fields, ImageManifest& manifest) {
  ASSIGN_OR_RETURN(const uint64_t schema, fields.TakeNumber("schema", UINT32_MAX));
  if (schema != kSchema) {
    return absl::FailedPreconditionError(
        absl::StrCat("schema ", schema, " is not known here (", kSchema,
                     " is): the image was made by another version of voidbox"));
  }
  ASSIGN_OR_RETURN(manifest.name, TakeRequired(fields, "name", kMaxNameBytes));
  if (const absl::Status valid = ValidateImageName(manifest.name); !valid.ok()) {
    return fields.Error("name", valid.message());
  }
  ASSIGN_OR_RETURN(manifest.flavour, TakeRequired(fields, "flavour", kMaxNameBytes));
  ASSIGN_OR_RETURN(const std::string created, TakeRequired(fields, "created", kMaxNameBytes));
  absl::Time time;
  std::string why;
  if (!absl::ParseTime(absl::RFC3339_sec, created, &time, &why)) {
    return fields.Error(
        "created", absl::StrCat("'", created, "' is not a time such as ", "2026-01-31T12:00:00Z"));
  }
  manifest.created_unix_seconds = absl::ToUnixSeconds(time);
  return absl::OkStatus();
}

}  // namespace

std::vector<BlobReference> ImageManifest::Blobs() const {
  std::vector<BlobReference> blobs = {kernel};
  for (const auto* blob : {&initramfs, &rootfs, &sbom}) {
    if (blob->has_value()) blobs.push_back(**blob);
  }
  return blobs;
}

std::string SerializeManifest(const ImageManifest& manifest) {
  nlohmann::json json = {
      {"schema", kSchema},
      {"name", manifest.name},
      {"flavour", manifest.flavour},
      {"created",
       absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ",
                        absl::FromUnixSeconds(manifest.created_unix_seconds), absl::UTCTimeZone())},
      {"kernel", ToJson(manifest.kernel)},
      {"minimum_memory_bytes", manifest.minimum_memory_bytes},
  };
  if (manifest.initramfs.has_value()) json["initramfs"] = ToJson(*manifest.initramfs);
  if (manifest.rootfs.has_value()) json["rootfs"] = ToJson(*manifest.rootfs);
  if (manifest.sbom.has_value()) json["sbom"] = ToJson(*manifest.sbom);
  if (!manifest.kernel_release.empty()) json["kernel_release"] = manifest.kernel_release;
  if (!manifest.command_line.empty()) json["command_line"] = manifest.command_line;
  if (manifest.agent.has_value()) json["agent"] = manifest.agent->ToString();
  for (const ImageInput& input : manifest.inputs) json["inputs"].push_back(ToJson(input));
  for (const ImagePackage& package : manifest.packages) {
    json["packages"].push_back({{"name", package.name}, {"version", package.version}});
  }
  if (nlohmann::json config = ToJson(manifest.config); !config.empty()) {
    json["config"] = std::move(config);
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<ImageManifest> ParseManifest(absl::string_view text) {
  if (text.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(text.size(), " bytes are more than the limit of ", kMaxManifestBytes));
  }
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(text, kMaxDepth));
  ImageManifest manifest;
  RETURN_IF_ERROR(TakeHead(fields, manifest));
  RETURN_IF_ERROR(TakeBlobs(fields, manifest));
  ASSIGN_OR_RETURN(manifest.kernel_release, fields.TakeText("kernel_release", kMaxReleaseBytes));
  ASSIGN_OR_RETURN(manifest.command_line, fields.TakeText("command_line", kMaxCommandLineBytes));
  ASSIGN_OR_RETURN(manifest.agent, TakeDigest(fields, "agent"));
  ASSIGN_OR_RETURN(manifest.minimum_memory_bytes,
                   fields.TakeNumber("minimum_memory_bytes", kMaxMinimumMemory));
  ASSIGN_OR_RETURN(manifest.inputs, TakeInputs(fields));
  ASSIGN_OR_RETURN(manifest.packages, TakePackages(fields));
  ASSIGN_OR_RETURN(manifest.config, TakeConfig(fields));
  RETURN_IF_ERROR(fields.Finish());
  return manifest;
}

}  // namespace voidbox
