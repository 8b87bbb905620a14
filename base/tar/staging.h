#ifndef VOIDBOX_BASE_TAR_STAGING_H_
#define VOIDBOX_BASE_TAR_STAGING_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// A directory for what is not in place yet, on the file system of `parent` and in it. It is locked
// as long as this lives and removed at the end; one that was left by a killed worker is no longer
// locked, and removed by the next Create.
class Staging {
 public:
  // What the names of such directories begin with.
  static constexpr char kPrefix[] = ".voidbox-upload-";

  // `parent` is borrowed.
  static absl::StatusOr<Staging> Create(int parent);
  Staging(Staging&& other) noexcept = default;
  Staging& operator=(Staging&&) = delete;
  ~Staging();

  int directory() const { return directory_.get(); }

 private:
  Staging(int parent, std::string name, UniqueFd directory)
      : parent_(parent), name_(std::move(name)), directory_(std::move(directory)) {}

  int parent_;
  std::string name_;
  UniqueFd directory_;  // none when moved from
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_STAGING_H_
