#ifndef VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_

#include <nlohmann/json.hpp>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/image_store.h"

namespace voidbox {

// What the commands about images share.

// Adds --format: "text", "json", or empty for what suits standard output.
void AddImageFormat(CLI::App& app, std::string& format);
// Whether programs read the output: they do unless it is a terminal.
bool WantsJson(const std::string& format);
void PrintJson(const nlohmann::json& json);

// The store of this user. With `changes`, FAILED_PRECONDITION inside the emulated KVM host, whose
// locks the machine around it does not see. Otherwise what a killed import left is removed first.
absl::StatusOr<ImageStore> OpenImageStore(bool changes);

// The image as JSON: its manifest, digest, size and whether it is in use.
nlohmann::json DescribeImage(const ImageStore& store, const Image& image);

// Runs `operation` so that a signal makes it clean up and end; returns the exit status.
int RunInterruptibly(const std::function<absl::Status(Progress& progress)>& operation);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_
