#ifndef VOIDBOX_BASE_LOG_H_
#define VOIDBOX_BASE_LOG_H_

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// One line to the log descriptor (standard error until SetLogTarget), written with one write(2) so
// that lines of several threads do not mix. Any thread. Messages are lower case without a final
// period.
enum class Severity { kInfo, kWarning, kError };
void LogLine(Severity severity, absl::string_view message);

// `program` begins every line. `fd` is borrowed. Call before threads start.
void SetLogTarget(int fd, absl::string_view program);

template <typename... Parts>
void LogInfo(const Parts&... parts) {
  LogLine(Severity::kInfo, absl::StrCat(parts...));
}
template <typename... Parts>
void LogWarning(const Parts&... parts) {
  LogLine(Severity::kWarning, absl::StrCat(parts...));
}
template <typename... Parts>
void LogError(const Parts&... parts) {
  LogLine(Severity::kError, absl::StrCat(parts...));
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_LOG_H_
