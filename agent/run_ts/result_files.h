#ifndef VOIDBOX_AGENT_RUN_TS_RESULT_FILES_H_
#define VOIDBOX_AGENT_RUN_TS_RESULT_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// JSON text that a program's result.set and result.error may leave, in bytes each: the two fit into
// one frame.
inline constexpr size_t kMaxResultBytes = 500 << 10;

// Two files in the workspace by which a program hands its result over. The program writes them, as
// the user; whatever it or another process of that user does there, they are read as a file of the
// user's with JSON in it, or not at all.
class ResultFiles {
 public:
  // With a name that nobody can guess. `workspace` is the directory's path, and `owner` whose files
  // are read.
  static absl::StatusOr<ResultFiles> Create(const std::string& workspace, uid_t owner);

  // Where result.set and result.error write to. Their directory need not be there.
  std::string result_path() const { return workspace_ + "/" + result_; }
  std::string error_path() const { return workspace_ + "/" + error_; }

  // The JSON text in one; none where there is no such file, or it is not a regular one, not the
  // owner's, has another name somewhere, is too long, or is not JSON. Never waits.
  std::optional<std::string> ReadResult() const { return Read(result_); }
  std::optional<std::string> ReadError() const { return Read(error_); }
  void Remove() const;

 private:
  ResultFiles() = default;
  std::optional<std::string> Read(const std::string& name) const;

  std::string workspace_;
  uid_t owner_ = 0;
  std::string result_;  // relative to the workspace
  std::string error_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_RUN_TS_RESULT_FILES_H_
