#include "agent/run_ts/result_files.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/tar/beneath.h"
#include "base/unique_fd.h"
#include "nlohmann/json.hpp"

namespace voidbox {
namespace {

constexpr size_t kIdBytes = 16;
constexpr char kPrefix[] = ".cache/voidbox-run-ts-";

UniqueFd OpenDirectory(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

absl::StatusOr<ResultFiles> ResultFiles::Create(const std::string& workspace, uid_t owner) {
  std::array<char, kIdBytes> id;
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return ErrnoStatus("getrandom");
  }
  const std::string name = absl::StrCat(kPrefix, absl::BytesToHexString({id.data(), id.size()}));
  ResultFiles files;
  files.workspace_ = workspace;
  files.owner_ = owner;
  files.result_ = name + ".result";
  files.error_ = name + ".error";
  return files;
}

std::optional<std::string> ResultFiles::Read(const std::string& name) const {
  const UniqueFd workspace = OpenDirectory(workspace_);
  // Does not wait for who holds a lease on it, either.
  const auto file = OpenRegular(workspace.get(), absl::StrSplit(name, '/'), O_RDONLY);
  if (!file.ok()) return std::nullopt;
  struct stat info;
  if (::fstat(file->get(), &info) != 0 || info.st_uid != owner_ || info.st_nlink != 1 ||
      static_cast<uint64_t>(info.st_size) > kMaxResultBytes) {
    return std::nullopt;
  }
  std::string text(kMaxResultBytes + 1, '\0');
  const auto size = ReadUpTo(file->get(), text.data(), text.size());
  if (!size.ok() || *size > kMaxResultBytes) return std::nullopt;
  text.resize(*size);
  if (!nlohmann::json::accept(text)) return std::nullopt;
  return text;
}

void ResultFiles::Remove() const {
  const UniqueFd workspace = OpenDirectory(workspace_);
  for (const std::string& name : {result_, error_}) {
    const std::vector<std::string> parts = absl::StrSplit(name, '/');
    const auto parent = OpenParent(workspace.get(), parts);
    if (!parent.ok()) continue;
    ::unlinkat(parent->directory.get(), parent->name.c_str(), 0);
    // Of a program that was killed between its write and its rename.
    ::unlinkat(parent->directory.get(), absl::StrCat(parent->name, ".new").c_str(), 0);
  }
}

}  // namespace voidbox
