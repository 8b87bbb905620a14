#include "tools/bench/stage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"

namespace voidbox::bench {
namespace {

constexpr size_t kMaxOutputBytes = 1 << 20;

// The standard output of a command; FAILED_PRECONDITION when it fails.
absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& argv) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  const UniqueFd read(fds[0]);
  UniqueFd write(fds[1]);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  ASSIGN_OR_RETURN(
      ChildProcess child,
      ChildProcess::Spawn(
          {.argv = argv, .descriptors = {{null.get(), 0}, {write.get(), 1}, {null.get(), 2}}}));
  write.Reset();
  std::string output(kMaxOutputBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(read.get(), output.data(), output.size()));
  output.resize(got);
  ASSIGN_OR_RETURN(const int status, child.Wait());
  if (status != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(argv[0], " ", argv.back(), ": ", DescribeWaitStatus(status)));
  }
  return output;
}

absl::string_view FileName(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::vector<std::string> ParseLdd(absl::string_view output) {
  std::vector<std::string> paths;
  for (const absl::string_view line : absl::StrSplit(output, '\n', absl::SkipEmpty())) {
    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)" or "/lib64/ld-linux... (0x...)".
    for (const absl::string_view word : absl::StrSplit(absl::StripAsciiWhitespace(line), ' ')) {
      if (absl::StartsWith(word, "/")) {
        paths.emplace_back(word);
        break;
      }
    }
  }
  return paths;
}

std::vector<std::string> LibrariesOf(const std::string& path) {
  // ldd fails for static programs.
  const auto output = OutputOf({"/usr/bin/ldd", path});
  return output.ok() ? ParseLdd(*output) : std::vector<std::string>();
}

absl::StatusOr<Stage> Stage::Create() {
  std::string path = "/dev/shm/voidbox-bench.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return ErrnoStatus(path);
  Stage stage(path);
  RETURN_IF_ERROR(stage.AddDirectory("lib").status());
  return stage;
}

Stage::~Stage() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::StatusOr<std::string> Stage::Copy(const std::string& source, const std::string& target) {
  const std::string path = absl::StrCat(path_, "/", target);
  std::error_code error;
  if (std::filesystem::exists(path, error)) return path;
  std::filesystem::copy_file(source, path, error);
  if (error) return ErrnoStatus(absl::StrCat("copy of ", source, " to RAM"), error.value());
  // Executable, whatever the source's mode.
  if (::chmod(path.c_str(), 0755) != 0) return ErrnoStatus(path);
  return path;
}

absl::StatusOr<std::string> Stage::AddFile(const std::string& source, const std::string& name) {
  return Copy(source, name);
}

absl::StatusOr<std::string> Stage::AddJoined(const std::vector<std::string>& sources,
                                             const std::string& name) {
  std::string joined;
  for (const std::string& source : sources) {
    ASSIGN_OR_RETURN(const std::string contents, ReadFile(source));
    joined += contents;
  }
  const std::string path = absl::StrCat(path_, "/", name);
  RETURN_IF_ERROR(WriteFileAtomically(path, joined));
  return path;
}

absl::StatusOr<Program> Stage::AddProgram(const std::string& source, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string program, Copy(source, name));
  const std::vector<std::string> libraries = LibrariesOf(source);
  if (libraries.empty()) return Program{program};
  std::string loader;
  for (const std::string& library : libraries) {
    ASSIGN_OR_RETURN(const std::string copy,
                     Copy(library, absl::StrCat("lib/", FileName(library))));
    if (absl::StartsWith(FileName(library), "ld-linux")) loader = copy;
  }
  if (loader.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(source, ": ldd names no dynamic loader"));
  }
  return Program{loader, "--library-path", absl::StrCat(path_, "/lib"), program};
}

absl::StatusOr<std::string> Stage::AddDirectory(const std::string& name) {
  const std::string path = absl::StrCat(path_, "/", name);
  if (::mkdir(path.c_str(), 0700) != 0) return ErrnoStatus(path);
  return path;
}

}  // namespace voidbox::bench
