#include "image/builder/download.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/builder/build_program.h"

namespace voidbox {
namespace {

constexpr size_t kMaxTextBytes = 1 << 20;

// Runs curl with these options more, and returns what it prints.
absl::StatusOr<std::string> RunCurl(const std::vector<std::string>& options, const std::string& url,
                                    Progress& progress) {
  ASSIGN_OR_RETURN(const std::string curl, FindProgram("curl", "curl"));
  std::vector<std::string> argv = {
      curl,         "--fail",           "--silent",          "--show-error",
      "--location", "--netrc-optional", "--connect-timeout", "20"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(url);
  ASSIGN_OR_RETURN(BuildProgram program, BuildProgram::Start(argv));
  auto output = program.ReadOutput(progress, kMaxTextBytes);
  if (!absl::IsAborted(output.status())) return output;
  const std::vector<absl::string_view> lines = absl::StrSplit(output.status().message(), '\n');
  return absl::UnavailableError(lines.back());
}

absl::Status DownloadInto(const std::string& part, const std::string& url, const std::string& path,
                          absl::FunctionRef<absl::Status(const std::string&)> check,
                          Progress& progress) {
  RETURN_IF_ERROR(RunCurl({"--output", part}, url, progress).status());
  RETURN_IF_ERROR(check(part));
  if (std::rename(part.c_str(), path.c_str()) != 0) return ErrnoStatus(path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> DownloadText(const std::string& url, Progress& progress) {
  return RunCurl({}, url, progress);
}

absl::Status DownloadFile(const std::string& url, const std::string& path,
                          absl::FunctionRef<absl::Status(const std::string&)> check,
                          Progress& progress) {
  std::error_code error;
  const std::string directory = std::filesystem::path(path).parent_path().string();
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(directory, error.value());
  // A name of its own: two builds may want the same file.
  std::string part = absl::StrCat(path, ".XXXXXX");
  const UniqueFd created(::mkostemp(part.data(), O_CLOEXEC));
  if (!created) return ErrnoStatus(part);
  absl::Status status = DownloadInto(part, url, path, check, progress);
  if (!status.ok()) ::unlink(part.c_str());
  return status;
}

}  // namespace voidbox
