#ifndef VOIDBOX_IMAGE_TAR_ENTRIES_H_
#define VOIDBOX_IMAGE_TAR_ENTRIES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/tar_header.h"
#include "image/tar_sparse.h"

namespace voidbox {

// A file of a tar archive, with all that its headers say of it. Names and values are the archive's
// bytes, hostile and in no encoding.
struct TarMember {
  std::string name;
  std::string link;  // of a link
  // POSIX' type: '0' file, '1' hard link, '2' symbolic link, '3' and '4' character and block
  // device, '5' directory, '6' FIFO; others as they stand there.
  char type = '0';
  uint32_t permissions = 0;  // the low 12 bits of the mode
  int64_t uid = 0;
  int64_t gid = 0;
  int64_t mtime = 0;  // seconds since 1970, rounded down
  int64_t major = 0;  // of a device
  int64_t minor = 0;
  uint64_t size = 0;                          // bytes, holes included
  std::map<std::string, std::string> xattrs;  // by whole name
  // POSIX ACLs as text, as star and GNU tar write them; empty when there are none.
  std::string access_acl;
  std::string default_acl;
};

struct TarFormatOptions {
  // Whether an archive that ends without its mark of zeroes (and without the padding in front of
  // it) was cut short. It was not where a digest says that all of it is there.
  bool needs_end_mark = true;
};

// Reads the format tar: V7, ustar, pax, GNU and star, with GNU's long names and all forms of sparse
// files. What a file's headers may say is bounded (1 MiB a header). Global pax headers, and volume
// labels, are passed by. One thread at a time.
class TarEntries {
 public:
  // `next` gives the next bytes of the archive, empty at its end; they are there until it is
  // called again.
  using Next = std::function<absl::StatusOr<absl::string_view>()>;
  TarEntries(Next next, const TarFormatOptions& options)
      : next_(std::move(next)), options_(options) {}

  // The next file, or none at the archive's end. DATA_LOSS for an archive that is damaged or cut
  // short, and for what is none; RESOURCE_EXHAUSTED at a limit; or an error of `next`.
  absl::StatusOr<std::optional<TarMember>> NextEntry();

  // Gives the data of the last entry to `sink`, which is called with ascending offsets; where
  // nothing is given the file has a hole. At most once for an entry.
  absl::Status ReadData(absl::FunctionRef<absl::Status(uint64_t offset, absl::string_view)> sink);

 private:
  // What stands in front of an entry's own header.
  struct Extensions {
    PaxRecords pax;
    std::optional<std::string> long_name;
    std::optional<std::string> long_link;
    bool any = false;
  };
  // Up to `most` bytes that come next, none at the end; they are used up.
  absl::StatusOr<absl::string_view> Take(uint64_t most);
  // A whole block, or none at the end.
  absl::StatusOr<std::optional<std::string>> TakeBlock();
  absl::Status Skip(uint64_t bytes);
  absl::Status SkipPadding();
  absl::StatusOr<std::string> ReadExtension(const TarHeader& header);
  absl::StatusOr<TarMember> ReadEntry(const TarHeader& header, const std::string& block,
                                      const Extensions& extensions);
  absl::Status ReadSparseMap(const TarHeader& header, const std::string& block,
                             const PaxRecords& pax, TarMember& entry);
  absl::Status ReadOldSparse(const std::string& block, TarMember& entry);
  absl::Status ReadSparseText();
  absl::Status CutShort() const;

  Next next_;
  TarFormatOptions options_;
  absl::string_view chunk_;  // not used up yet
  uint64_t position_ = 0;    // bytes of the archive
  bool at_end_ = false;      // of the stream
  bool is_done_ = false;     // nothing more is to be read
  uint64_t data_left_ = 0;   // of the entry, bytes
  size_t padding_ = 0;       // behind that
  std::optional<TarSparseMap> map_;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TAR_ENTRIES_H_
