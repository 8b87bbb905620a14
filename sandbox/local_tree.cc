#include "sandbox/local_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/tar/move_tree.h"
#include "sandbox/write_to_reader.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(path);
  return directory;
}

}  // namespace

absl::StatusOr<TarCount> PackLocalTree(const std::string& path, const std::string& as, int output,
                                       const TarProgress& progress) {
  const PackOptions options = {.gzip = false, .links = true, .progress = progress};
  const PieceSink sink = [output](absl::string_view piece) { return WriteToReader(output, piece); };
  if (as.empty()) {
    ASSIGN_OR_RETURN(const UniqueFd directory, OpenDirectory(path));
    return PackTar({.root = directory.get(), .path = {}, .contents_only = true, .as = ""}, options,
                   sink);
  }
  // Through links, as the user named it; below, none is followed.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return ErrnoStatus(path, error.value());
  ASSIGN_OR_RETURN(const UniqueFd parent, OpenDirectory(real.parent_path().string()));
  return PackTar(
      {.root = parent.get(), .path = {real.filename().string()}, .contents_only = false, .as = as},
      options, sink);
}

uint64_t MeasureTree(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const uint64_t size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }
  uint64_t bytes = 0;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator it(path, options, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (!it->is_symlink(gone) && it->is_regular_file(gone)) {
      const uint64_t size = it->file_size(gone);
      if (!gone) bytes += size;
    }
  }
  return bytes;
}

absl::StatusOr<LocalDestination> LocalDestination::Open(const std::string& path, bool make) {
  std::string made;
  if (make && ::mkdir(path.c_str(), 0777) == 0) {
    made = path;
  } else if (make && errno != EEXIST) {
    return ErrnoStatus(path);
  }
  auto directory = OpenDirectory(path);
  if (!directory.ok()) {
    if (!made.empty()) ::rmdir(made.c_str());
    return directory.status();
  }
  LocalDestination destination(std::move(made), *std::move(directory));
  auto staging = Staging::Create(destination.directory_.get());
  if (!staging.ok()) {
    return absl::Status(staging.status().code(),
                        absl::StrCat("folder ", path, ": ", staging.status().message()));
  }
  destination.staging_.emplace(*std::move(staging));
  return destination;
}

LocalDestination::~LocalDestination() {
  staging_.reset();
  if (!made_.empty()) ::rmdir(made_.c_str());
}

absl::StatusOr<TarCount> LocalDestination::Unpack(int input, const UnpackOptions& options) {
  const auto piece = std::make_unique<char[]>(kPieceBytes);
  const PieceSource source = [&]() -> absl::StatusOr<absl::string_view> {
    for (;;) {
      const ssize_t got = ::read(input, piece.get(), kPieceBytes);
      if (got >= 0) return absl::string_view(piece.get(), static_cast<size_t>(got));
      if (errno != EINTR) return ErrnoStatus("reading the tar stream");
    }
  };
  return UnpackTar(source, options, staging_->directory());
}

absl::Status LocalDestination::Commit() {
  RETURN_IF_ERROR(MoveTree(staging_->directory(), directory_.get()));
  made_.clear();
  return absl::OkStatus();
}

}  // namespace voidbox
