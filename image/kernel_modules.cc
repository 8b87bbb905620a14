#include "image/kernel_modules.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/kernel_module_list.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/byte_source.h"
#include "image/module_index.h"
#include "image/open_beneath.h"
#include "image/unpacked_stream.h"

namespace voidbox {
namespace {

constexpr size_t kMaxReleaseBytes = 64;        // of utsname::release
constexpr uint64_t kMaxIndexBytes = 16 << 20;  // Debian's modules.dep has half a MiB
// The largest of Debian's modules has 16 MiB.
constexpr uint64_t kMaxModuleBytes = 64 << 20;
constexpr uint64_t kMaxAllModuleBytes = 256 << 20;

// When a guest cannot do without a module.
enum class Need { kAlways, kWithRootDisk, kNever };

struct Wanted {
  const char* name;
  Need need;
};

// In the order in which they are loaded. The first two are how the host finds the agent.
constexpr Wanted kWanted[] = {
    {"virtio_mmio", Need::kAlways},
    {"vmw_vsock_virtio_transport", Need::kAlways},
    {"virtio_rng", Need::kNever},
    {"virtio_blk", Need::kWithRootDisk},
    // What ext4 computes its checksums with. It asks for it by the name of the algorithm, which no
    // line of modules.dep tells.
    {"crc32c_generic", Need::kNever},
    {"ext4", Need::kWithRootDisk},
    {"virtio_net", Need::kNever},
    {"virtio_balloon", Need::kNever},
    {"overlay", Need::kNever},
    {"9pnet_virtio", Need::kNever},
    {"9p", Need::kNever},
};

absl::StatusOr<std::string> ReadIndexFile(int directory, const std::string& name) {
  ASSIGN_OR_RETURN(const BeneathFile file, OpenBeneath(directory, name));
  if (file.size > kMaxIndexBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, " has ", file.size, " bytes, the limit is ", kMaxIndexBytes));
  }
  const ByteSource source = DescriptorSource(file.fd.get());
  std::string contents(file.size, '\0');
  size_t at = 0;
  while (at < contents.size()) {
    ASSIGN_OR_RETURN(const size_t got, source(contents.data() + at, contents.size() - at));
    if (got == 0) return absl::DataLossError(absl::StrCat(name, " became shorter"));
    at += got;
  }
  return contents;
}

absl::Status CheckNeeds(const ModuleIndex& index, const KernelModulesRequest& request) {
  for (const Wanted& wanted : kWanted) {
    const bool needed =
        wanted.need == Need::kAlways || (wanted.need == Need::kWithRootDisk && request.root_disk);
    if (needed && index.Find(wanted.name) == ModuleIndex::Place::kMissing) {
      return absl::FailedPreconditionError(
          absl::StrCat("the kernel has ", wanted.name,
                       " neither as a module nor built in, and a guest needs it"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FileContents> Unpack(int directory, const std::string& path, ContentSpool& spool) {
  ASSIGN_OR_RETURN(const BeneathFile file, OpenBeneath(directory, path));
  UnpackedStream stream(DescriptorSource(file.fd.get()), {.max_bytes = kMaxModuleBytes}, nullptr);
  ContentSpool::Writer writer(spool);
  for (;;) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, stream.Next());
    if (bytes.empty()) return writer.Finish();
    RETURN_IF_ERROR(writer.Append(bytes));
  }
}

// The release that an unpacked module was built for: the first word of its "vermagic" (Linux
// include/linux/vermagic.h), one of the NUL-ended texts NAME=VALUE of its section .modinfo. Empty
// where it has none.
absl::StatusOr<std::string> ReleaseOf(const FileContents& module, const ContentSpool& spool) {
  constexpr absl::string_view kVermagic("\0vermagic=", 10);
  ASSIGN_OR_RETURN(const std::string bytes, spool.ReadAll(module, kMaxModuleBytes));
  const absl::string_view all = bytes;
  const size_t at = all.find(kVermagic);
  if (at == absl::string_view::npos) return std::string();
  const absl::string_view text = all.substr(at + kVermagic.size(), kMaxReleaseBytes + 1);
  return std::string(text.substr(0, text.find_first_of(absl::string_view(" \0", 2))));
}

// `expected` is set by the first module that says its release, if it is empty.
absl::Status CheckRelease(const FileContents& module, const ContentSpool& spool,
                          std::string& expected) {
  ASSIGN_OR_RETURN(const std::string release, ReleaseOf(module, spool));
  if (expected.empty()) expected = release;
  if (release.empty() || release == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("it is a module of kernel ", absl::CHexEscape(release), ", and the kernel is ",
                   absl::CHexEscape(expected), ": give the --modules of that one"));
}

absl::Status AddModules(int directory, const std::vector<std::string>& paths,
                        const KernelModulesRequest& request, FileTree& tree) {
  std::string list;
  uint64_t all_bytes = 0;
  std::string kernel_release = request.kernel_release;
  for (const std::string& path : paths) {
    auto contents = Unpack(directory, path, tree.spool());
    absl::Status status = contents.status();
    if (status.ok()) status = CheckRelease(*contents, tree.spool(), kernel_release);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(absl::CHexEscape(path), ": ", status.message()));
    }
    all_bytes += contents->size;
    if (all_bytes > kMaxAllModuleBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the modules up to ", absl::CHexEscape(path),
                                                       " have ", all_bytes, " bytes, the limit is ",
                                                       kMaxAllModuleBytes));
    }
    // Without the ending of what it was packed with.
    const std::string plain = path.substr(0, path.rfind(".ko") + 3);
    const std::string in_guest = absl::StrCat("lib/modules/", request.release, "/", plain);
    RETURN_IF_ERROR(tree.AddFile(in_guest, {.permissions = 0644}, *std::move(contents)));
    absl::StrAppend(&list, "/", in_guest, "\n");
  }
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().Add(list));
  return tree.AddFile(kKernelModuleList, {.permissions = 0644}, std::move(contents));
}

absl::StatusOr<size_t> AddFrom(const KernelModulesRequest& request, FileTree& tree) {
  const UniqueFd directory(::open(request.directory.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (!directory) return ErrnoStatus("open");
  ASSIGN_OR_RETURN(const std::string dep, ReadIndexFile(directory.get(), "modules.dep"));
  ASSIGN_OR_RETURN(const std::string built_in, ReadIndexFile(directory.get(), "modules.builtin"));
  ASSIGN_OR_RETURN(const ModuleIndex index, ModuleIndex::Parse(dep, built_in));
  RETURN_IF_ERROR(CheckNeeds(index, request));
  std::vector<std::string> names;
  for (const Wanted& wanted : kWanted) names.emplace_back(wanted.name);
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, index.LoadOrder(names));
  if (!paths.empty()) {
    RETURN_IF_ERROR(AddModules(directory.get(), paths, request, tree));
  }
  return paths.size();
}

}  // namespace

absl::Status ValidateKernelRelease(absl::string_view release) {
  const bool fits = !release.empty() && release.size() <= kMaxReleaseBytes && release[0] != '.' &&
                    std::all_of(release.begin(), release.end(), [](char c) {
                      return absl::ascii_isalnum(c) ||
                             absl::string_view(".-_+~").find(c) != absl::string_view::npos;
                    });
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "kernel release '", absl::CHexEscape(release.substr(0, kMaxReleaseBytes)), "': 1 to ",
      kMaxReleaseBytes, " letters, digits, '.', '-', '_', '+', '~' are allowed, no '.' in front"));
}

absl::StatusOr<size_t> AddKernelModules(const KernelModulesRequest& request, FileTree& tree) {
  RETURN_IF_ERROR(ValidateKernelRelease(request.release));
  auto added = AddFrom(request, tree);
  if (added.ok()) return added;
  return absl::Status(added.status().code(), absl::StrCat("modules in ", request.directory, ": ",
                                                          added.status().message()));
}

}  // namespace voidbox
