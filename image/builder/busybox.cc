#include "image/builder/busybox.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/read_at.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/build_program.h"

namespace voidbox {
namespace {

constexpr size_t kMaxProgramHeaders = 64;
constexpr size_t kMaxAnswerBytes = 1 << 20;

// A directory with one link, gone with this object.
class LinkDirectory {
 public:
  LinkDirectory() {
    std::error_code error;
    path_ = (std::filesystem::temp_directory_path(error) / "voidbox.XXXXXX").string();
    error_ = error.value();
    if (error_ == 0 && ::mkdtemp(path_.data()) == nullptr) error_ = errno;
  }
  LinkDirectory(const LinkDirectory&) = delete;
  LinkDirectory& operator=(const LinkDirectory&) = delete;
  ~LinkDirectory() {
    std::error_code ignored;
    if (error_ == 0) std::filesystem::remove_all(path_, ignored);
  }
  absl::StatusOr<std::string> Link(const std::string& name, const std::string& target) const {
    if (error_ != 0) return ErrnoStatus("a temporary directory ($TMPDIR)", error_);
    std::error_code error;
    const std::string absolute = std::filesystem::absolute(target, error).string();
    if (error) return ErrnoStatus(target, error.value());
    const std::string link = absl::StrCat(path_, "/", name);
    if (::symlink(absolute.c_str(), link.c_str()) != 0) return ErrnoStatus(link);
    return link;
  }

 private:
  std::string path_;
  int error_ = 0;
};

bool ReadAt(int fd, uint64_t offset, void* data, size_t size) {
  const auto got = ReadUpToAt(fd, offset, static_cast<char*>(data), size);
  return got.ok() && *got == size;
}

// An ELF program for this machine that asks for no loader (ELF-64 object file format, 2.2).
absl::Status CheckStatic(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(path);
  Elf64_Ehdr header;
  if (!ReadAt(file.get(), 0, &header, sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_X86_64 ||
      header.e_phnum > kMaxProgramHeaders || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": it is no program for x86-64"));
  }
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!ReadAt(file.get(), header.e_phoff + i * sizeof(segment), &segment, sizeof(segment))) {
      return absl::DataLossError(absl::StrCat(path, ": it is cut short"));
    }
    if (segment.p_type == PT_INTERP) {
      return absl::InvalidArgumentError(
          absl::StrCat(path,
                       ": it is linked with shared libraries, which the guest has not; take "
                       "a static one, such as that of busybox-static"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBusybox(const std::string& path) {
  RETURN_IF_ERROR(CheckStatic(path));
  return ::access(path.c_str(), X_OK) == 0 ? absl::OkStatus() : ErrnoStatus(path);
}

absl::StatusOr<std::string> AskBusybox(const std::string& path, const std::string& option,
                                       Progress& progress) {
  const LinkDirectory directory;
  ASSIGN_OR_RETURN(const std::string busybox, directory.Link("busybox", path));
  ASSIGN_OR_RETURN(BuildProgram program, BuildProgram::Start({busybox, option}, {}, path));
  return program.ReadOutput(progress, kMaxAnswerBytes);
}

}  // namespace voidbox
