#ifndef VOIDBOX_AGENT_HTTP_TARGET_H_
#define VOIDBOX_AGENT_HTTP_TARGET_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// What a request line asks for, decoded.
struct Target {
  std::string path;  // begins with a slash; without double ones, and without one at the end
  std::map<std::string, std::string> query;
};

// Of the origin form ("/files/download?path=a%20b") and the absolute form ("http://host/..."),
// RFC 9112 §3.2. INVALID_ARGUMENT for other forms, for what is not percent-encoded as RFC 3986
// §2.1 has it, for a NUL, and for a parameter that is given twice. A plus sign in the query is a
// space, as forms and most libraries write it.
absl::StatusOr<Target> ParseTarget(absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_TARGET_H_
