#include "image/builder/debian_base.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "image/builder/build_program.h"
#include "image/builder/tree_files.h"
#include "image/tar_reader.h"

namespace voidbox {
namespace {

// What stays on the mirror: nobody reads manuals in a sandbox. Licences stay.
constexpr const char* kExcluded[] = {
    "path-exclude=/usr/share/man/*",           "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",        "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
};

bool Works(const std::vector<std::string>& argv, Progress& progress) {
  absl::StatusOr<BuildProgram> program = BuildProgram::Start(argv);
  return program.ok() && program->ReadOutput(progress).ok();
}

// The words that run mmdebstrap in the best mode that works here.
absl::StatusOr<std::vector<std::string>> Mmdebstrap(Progress& progress) {
  ASSIGN_OR_RETURN(const std::string mmdebstrap, FindProgram("mmdebstrap", "mmdebstrap"));
  ASSIGN_OR_RETURN(const std::string unshare, FindProgram("unshare", "util-linux"));
  // With namespaces of its own, nothing that it mounts or starts can outlive it.
  const std::vector<std::string> contained = {unshare,  "--mount",      "--pid",
                                              "--fork", "--kill-child", "--mount-proc"};
  const auto with = [](std::vector<std::string> words, std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
    return words;
  };
  if (::geteuid() == 0 && Works(with(contained, {"true"}), progress)) {
    return with(contained, {mmdebstrap, "--mode=root"});
  }
  if (::geteuid() != 0 &&
      Works({unshare, "--user", "--map-auto", "--map-root-user", "true"}, progress)) {
    return std::vector<std::string>{mmdebstrap, "--mode=unshare"};
  }
  if (FindProgram("fakechroot", "fakechroot").ok() && FindProgram("fakeroot", "fakeroot").ok()) {
    return std::vector<std::string>{mmdebstrap, "--mode=fakechroot"};
  }
  return absl::NotFoundError(
      "mmdebstrap has no way to work here as this user: apt-get install fakechroot fakeroot (or "
      "uidmap, with a range for the user in /etc/subuid and /etc/subgid)");
}

std::vector<std::string> Arguments(const DebianBase& base) {
  std::vector<std::string> arguments = {"--quiet", "--variant=minbase", "--format=tar"};
  if (!base.packages.empty()) {
    arguments.push_back(absl::StrCat("--include=", absl::StrJoin(base.packages, ",")));
  }
  for (const char* const pattern : kExcluded) {
    arguments.push_back(absl::StrCat("--dpkgopt=", pattern));
  }
  arguments.insert(arguments.end(), {kDebianSuite, "-"});
  if (!base.mirror.empty()) arguments.push_back(base.mirror);
  return arguments;
}

}  // namespace

std::vector<std::string> ParsePackageList(absl::string_view text) {
  std::vector<std::string> packages;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (!line.empty()) packages.emplace_back(line);
  }
  return packages;
}

absl::Status AddDebian(const DebianBase& base, FileTree& tree, Progress& progress) {
  progress.Begin("installing Debian's packages", 0);
  ASSIGN_OR_RETURN(std::vector<std::string> argv, Mmdebstrap(progress));
  for (std::string& argument : Arguments(base)) argv.push_back(std::move(argument));
  ASSIGN_OR_RETURN(BuildProgram program,
                   BuildProgram::Start(argv,
                                       {absl::StrCat("SOURCE_DATE_EPOCH=", base.source_date_epoch),
                                        "LC_ALL=C.UTF-8", "TZ=UTC"},
                                       "mmdebstrap"));
  absl::Status read =
      ReadTar(program.Output(progress), {.devices = TarOptions::Devices::kDrop}, tree).status();
  if (absl::IsCancelled(read)) return read;
  // What stopped mmdebstrap explains an archive that is cut short.
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  RETURN_IF_ERROR(program.Finish(progress));
  return read;
}

absl::Status RemoveTracesOfBuild(FileTree& tree) {
  // What Python compiled for its own installation has, under fakechroot, the name of the directory
  // that it was installed in; it is for installing packages only.
  RETURN_IF_ERROR(ClearIfThere(tree, "usr/share/python3/debpython/__pycache__"));
  for (const char* const directory :
       {"dev", "proc", "run", "sys", "tmp", "var/cache/apt", "var/cache/ldconfig",
        "var/lib/apt/lists", "var/log", "var/tmp"}) {
    RETURN_IF_ERROR(ClearIfThere(tree, directory));
  }
  for (const char* const file :
       {"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
        "etc/resolv.conf", "var/cache/debconf/config.dat-old",
        "var/cache/debconf/templates.dat-old", "var/lib/dbus/machine-id",
        "var/lib/dpkg/diversions-old", "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend",
        "var/lib/dpkg/status-old", "var/lib/systemd/random-seed"}) {
    RETURN_IF_ERROR(RemoveIfThere(tree, file));
  }
  const FileMetadata metadata = {.permissions = 0644};
  // Empty: systemd(1) and others make one up for each guest; machine-id(5).
  RETURN_IF_ERROR(AddText(tree, "etc/machine-id", metadata, ""));
  RETURN_IF_ERROR(AddText(tree, "etc/hostname", metadata, "voidbox\n"));
  return AddText(tree, "etc/hosts", metadata, "127.0.0.1 localhost voidbox\n::1 localhost\n");
}

}  // namespace voidbox
