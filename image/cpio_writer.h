#ifndef VOIDBOX_IMAGE_CPIO_WRITER_H_
#define VOIDBOX_IMAGE_CPIO_WRITER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Makes a cpio archive as the kernel unpacks it into its initramfs: format "newc", Linux
// Documentation/driver-api/early-userspace/buffer-format.rst. The same entries give the same bytes,
// in whatever order they were added: sorted by path (so that directories come before what is in
// them), all of one time, inodes numbered in that order.
class CpioWriter {
 public:
  struct Attributes {
    uint32_t permissions = 0755;  // the low 12 bits of the mode
    uint32_t uid = 0;
    uint32_t gid = 0;
  };
  enum class DeviceKind { kCharacter, kBlock, kFifo };  // the last has no numbers

  // Paths are absolute or relative to the root, with or without a final slash. INVALID_ARGUMENT
  // when one is empty, contains "..", "." or a NUL byte; ALREADY_EXISTS when the path has been
  // added before. Every directory must be added, for its attributes.
  absl::Status AddDirectory(absl::string_view path, const Attributes& attributes);
  absl::Status AddFile(absl::string_view path, const Attributes& attributes, std::string contents);
  absl::Status AddSymlink(absl::string_view path, absl::string_view target);
  absl::Status AddDevice(absl::string_view path, const Attributes& attributes, DeviceKind kind,
                         uint32_t major, uint32_t minor);
  // Another name for the file that was added at `existing`. NOT_FOUND when none was.
  absl::Status AddHardLink(absl::string_view path, absl::string_view existing);

  // The whole archive, its trailer included. FAILED_PRECONDITION when the directory of an entry is
  // missing or is not one.
  absl::StatusOr<std::string> Finish() const;

 private:
  struct Entry {
    uint32_t mode = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    std::string contents;
    std::string link_of;  // name of the entry that this is another name for
  };
  // Of the names of a file: which inode number they have, how many they are, and which is the last.
  struct Links {
    uint32_t inode = 0;
    uint32_t count = 0;
    const std::string* last = nullptr;
  };
  absl::Status Add(absl::string_view path, Entry&& entry);

  std::map<std::string, Entry> entries_;  // by path without a slash in front
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_CPIO_WRITER_H_
