#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_SAVED_STATE_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_SAVED_STATE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// The cached states of booted hosts: CACHE/host-<hash of key>/{key,state}, where the key tells all
// that a state depends on. Of processes that make the same state at once, the last one's stays.
class SavedState {
 public:
  // `cache` exists. `key` is any text.
  SavedState(std::string cache, std::string key);

  // The state, open for reading; nullopt when there is none.
  absl::StatusOr<std::optional<UniqueFd>> Open() const;

  // A file to write the state to. Becomes the state by Commit; without it, nothing is left.
  class Writer {
   public:
    Writer(Writer&& other) noexcept = default;
    Writer& operator=(Writer&&) = delete;
    ~Writer();
    int fd() const { return file_.get(); }
    // Returns once the state is on the disk: a machine that loses power has all of it or none.
    absl::Status Commit();

   private:
    friend class SavedState;
    Writer() = default;
    std::string directory_;
    std::string temporary_;
    UniqueFd file_;
  };
  // Also removes the states of other keys that were not used for a week.
  absl::StatusOr<Writer> Create() const;

  // Removes the state, one that turned out to be of no use.
  absl::Status Remove() const;

 private:
  void RemoveStale() const;

  std::string cache_;
  std::string key_;
  std::string directory_;
};

// 64 bits of FNV-1a, in hexadecimal: names a key, does not protect it.
std::string HashName(const std::string& text);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_SAVED_STATE_H_
