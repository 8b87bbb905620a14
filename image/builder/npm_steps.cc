#include "image/builder/npm_steps.h"

#include <string>

#include "base/status_macros.h"
#include "image/builder/guest_steps.h"
#include "image/builder/npm_package.h"
#include "image/builder/tree_files.h"
#include "image/flavours/flavour_files.h"

namespace voidbox {
namespace {

// Adds one program of a package.
absl::Status AddProgram(Build& build, const char* package_name, const char* source,
                        const char* path) {
  ASSIGN_OR_RETURN(const NpmPackage package, FindNpmPackage(kNpmLock, package_name));
  ASSIGN_OR_RETURN(const std::string archive,
                   FetchNpmPackage(package, build.options.cache_directory, build.progress));
  ASSIGN_OR_RETURN(const FileTree files,
                   UnpackNpmPackage(archive, build.options.cache_directory, build.progress));
  RETURN_IF_ERROR(CopyFile(files, source, build.tree, path, {.permissions = 0755}));
  build.components.push_back(DescribeNpmPackage(package));
  return absl::OkStatus();
}

}  // namespace

absl::Status AddDeno(Build& build) {
  if (!build.options.deno) return absl::OkStatus();
  // Root's, as the tools in bin/ are: a command may not change what later ones run.
  RETURN_IF_ERROR(build.tree.AddDirectory("/home/user/.deno", {.permissions = 0755}));
  RETURN_IF_ERROR(build.tree.AddDirectory("/home/user/.deno/bin", {.permissions = 0755}));
  return AddProgram(build, "@deno/linux-x64-glibc", "package/deno", "/home/user/.deno/bin/deno");
}

absl::Status AddClaudeCode(Build& build) {
  if (!build.options.claude_code) return AddClaudeCodeMock(build);
  RETURN_IF_ERROR(AddProgram(build, "@anthropic-ai/claude-code-linux-x64", "package/claude",
                             "/usr/local/bin/claude-code"));
  return build.tree.AddSymlink("/usr/local/bin/claude", {}, "claude-code");
}

}  // namespace voidbox
