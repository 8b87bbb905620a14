#ifndef VOIDBOX_IMAGE_BUILDER_FAKE_PROGRAMS_H_
#define VOIDBOX_IMAGE_BUILDER_FAKE_PROGRAMS_H_

#include <initializer_list>
#include <string>
#include <utility>

namespace voidbox {

// Programs that tests have a build find before the machine's own: shell scripts by their names, in
// $PATH for the life of this object.
class FakePrograms {
 public:
  FakePrograms(std::initializer_list<std::pair<const char*, std::string>> scripts);
  ~FakePrograms();
  FakePrograms(const FakePrograms&) = delete;
  FakePrograms& operator=(const FakePrograms&) = delete;

  // A directory for what the scripts read and write; they know it as $FAKE.
  const std::string& directory() const { return directory_; }
  // What one of them wrote there; empty when it is not there.
  std::string Written(const std::string& file) const;

 private:
  std::string directory_;
  std::string path_before_;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_FAKE_PROGRAMS_H_
