#ifndef VOIDBOX_TOOLS_BENCH_STAGE_H_
#define VOIDBOX_TOOLS_BENCH_STAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/machine.h"

namespace voidbox::bench {

// The libraries and the dynamic loader in what ldd(1) prints, as absolute paths; empty for a static
// program.
std::vector<std::string> ParseLdd(absl::string_view output);

// The libraries and the dynamic loader of the program at `path`, empty for a static one.
std::vector<std::string> LibrariesOf(const std::string& path);

// A directory in RAM (/dev/shm) with everything that a measured program opens, so that no disk or
// network file system is part of a measurement. Removed with this object.
class Stage {
 public:
  static absl::StatusOr<Stage> Create();
  Stage(Stage&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Stage& operator=(Stage&&) = delete;
  ~Stage();

  const std::string& path() const { return path_; }

  // Copies one file and returns where it is.
  absl::StatusOr<std::string> AddFile(const std::string& source, const std::string& name);
  // Copies several files into one, one behind the other.
  absl::StatusOr<std::string> AddJoined(const std::vector<std::string>& sources,
                                        const std::string& name);
  // Copies a program with what it is linked to; returns how to start it.
  absl::StatusOr<Program> AddProgram(const std::string& source, const std::string& name);
  // A new, empty directory.
  absl::StatusOr<std::string> AddDirectory(const std::string& name);

 private:
  explicit Stage(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<std::string> Copy(const std::string& source, const std::string& target);

  std::string path_;  // empty when moved from
};

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_STAGE_H_
