#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_COPY_PATHS_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_COPY_PATHS_H_

#include <string>

namespace voidbox {

// A path in a sandbox' workspace, written ID:PATH.
struct GuestPath {
  std::string sandbox;
  std::string path;  // may be empty: the workspace itself
};
// Whether `text` is one: a colon with something before it that is no path.
bool IsGuestPath(const std::string& text);
GuestPath ParseGuestPath(const std::string& text);

// The last part of a path, and what is before it; slashes at the end do not count.
struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath SplitLast(std::string path);

// What a source is called where it is copied to. Empty when its contents alone are copied: for a
// path that ends in a component ".", as cp -r has it, for the root directory, and for the
// workspace.
std::string NameOfLocalSource(const std::string& path);
std::string NameOfGuestSource(const std::string& path);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_COPY_PATHS_H_
