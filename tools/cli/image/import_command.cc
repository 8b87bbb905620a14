#include "tools/cli/image/import_command.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/kernel_modules.h"
#include "image/store/import_archive.h"
#include "image/store/import_files.h"
#include "image/store/preflight.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"
#include "tools/cli/parse.h"

namespace voidbox {
namespace {

constexpr char kModulesRoot[] = "/lib/modules/";
constexpr char kFooter[] =
    R"(The files are checked, then copied into the store. docs/images.md says what must be in them; an
archive needs no more than programs, and a kernel alone gets the built-in initramfs. The modules
that a distribution's kernel needs here go into the image.

Examples:
  voidbox image import mine --rootfs rootfs.ext4
  voidbox image import debian --kernel /boot/vmlinuz-6.1.0-44-amd64
  voidbox image import mine --tar rootfs.tar.gz
  docker save alpine app | voidbox image import alpine --oci - --ref alpine
  voidbox image import mine --kernel vmlinux --initramfs my.cpio.gz --cmdline 'maxcpus=1')";

// Without a command of the user's.
bool RunsSomething(const Image& image) {
  const ImageConfig& config = image.manifest.config;
  return !config.entrypoint.empty() || !config.command.empty();
}

}  // namespace

FlagParser ImportCommand::AddTo(FlagParser app) {
  const FlagParser import = app.AddCommand("import", "Make an image of your own files");
  import.SetFooter(kFooter);
  import.Add("name", name_, "of the image: a-z, 0-9, '.', '_', '-'").Required().Type("NAME");
  const Flag kernel =
      import.Add("--kernel", kernel_, "vmlinux (ELF) or bzImage (default: voidbox' own)")
          .Type("FILE");
  import
      .Add("--modules", modules_,
           "modules of the kernel (default: /lib/modules/RELEASE of a bzImage)")
      .Type("DIR")
      .Needs(kernel);
  const Flag initramfs =
      import.Add("--initramfs", initramfs_, "cpio archive with an agent, compressed or not")
          .Type("FILE");
  const Flag rootfs =
      import.Add("--rootfs", rootfs_, "ext4 file system with an agent as /sbin/init").Type("FILE");
  const Flag tar =
      import
          .Add("--tar", tar_,
               "archive of a root file system, packed or not, which gets the agent and `user`; - "
               "is standard input")
          .Type("FILE")
          .Excludes(initramfs)
          .Excludes(rootfs);
  const Flag oci =
      import
          .Add("--oci", oci_,
               "container image: an OCI layout, a directory or archive of it, or an archive "
               "of `docker save`; - is standard input")
          .Type("DIR|FILE")
          .Excludes(initramfs)
          .Excludes(rootfs)
          .Excludes(tar);
  import
      .Add("--ref", reference_,
           "name of the container image, short as Docker takes it or whole, or its digest, "
           "where there are several")
      .Type("REF")
      .Needs(oci);
  import
      .Add("--platform", platform_,
           "variant of the container image, as linux/amd64/v3 (default: the plainest)")
      .Type("PLATFORM")
      .Needs(oci);
  import.Add("--cmdline", command_line_, "words for the kernel command line").Type("WORDS");
  import.Add("--memory", memory_, "guest memory that it must fit into").Type("SIZE").ShowDefault();
  import.AddSwitch("--force", force_, "replace an image of that name");
  AddAutoFormat(import, format_);
  return import;
}

absl::StatusOr<KernelModules> ImportCommand::FindModules(const Installation& installation,
                                                         uint64_t memory_bytes) const {
  KernelModules modules;
  if (kernel_.empty()) return modules;  // ours has none
  ASSIGN_OR_RETURN(const Preflight found, CheckImageFiles({.kernel = kernel_}, memory_bytes));
  modules.release = found.kernel_release;
  modules.kernel_release = found.kernel_release;
  if (!modules_.empty()) {
    modules.directory = modules_;
    std::error_code missing;
    const std::filesystem::path directory = std::filesystem::canonical(modules_, missing);
    if (missing) {
      return absl::NotFoundError(absl::StrCat("modules ", modules_, ": ", missing.message()));
    }
    if (modules.release.empty()) modules.release = directory.filename().string();
  } else if (found.kernel_kind == "bzimage" && ValidateKernelRelease(modules.release).ok()) {
    const std::string usual = absl::StrCat(kModulesRoot, modules.release);
    const std::string index = usual + "/modules.dep";
    if (::access(index.c_str(), F_OK) == 0) {
      modules.directory = usual;
    } else {
      LogInfo("there is no ", index,
              ": if the kernel's virtio drivers are modules, give --modules");
    }
  }
  if (!modules.directory.empty()) {
    ASSIGN_OR_RETURN(modules.agent, installation.Path(Installation::Item::kGuestAgent));
  }
  return modules;
}

absl::StatusOr<ImageFiles> ImportCommand::Files(const Installation& installation) const {
  ImageFiles files = {kernel_, initramfs_, rootfs_};
  if (kernel_.empty()) {
    ASSIGN_OR_RETURN(files.kernel, installation.Path(Installation::Item::kGuestKernel));
  } else if (initramfs_.empty() && rootfs_.empty()) {
    ASSIGN_OR_RETURN(files.initramfs, installation.Path(Installation::Item::kGuestInitramfs));
  }
  return files;
}

absl::StatusOr<Image> ImportCommand::Import(const Installation& installation, ImageStore& store,
                                            Progress& progress) const {
  ASSIGN_OR_RETURN(const uint64_t memory_bytes, ParseMemory(memory_));
  ASSIGN_OR_RETURN(const ImageFiles files, Files(installation));
  ASSIGN_OR_RETURN(const KernelModules modules, FindModules(installation, memory_bytes));
  if (tar_.empty() && oci_.empty()) {
    return ImportFiles(store,
                       {.name = name_,
                        .files = files,
                        .modules = modules,
                        .command_line = command_line_,
                        .memory_bytes = memory_bytes,
                        .replace = force_},
                       progress);
  }
  ASSIGN_OR_RETURN(const std::string agent, installation.Path(Installation::Item::kGuestAgent));
  return ImportArchive(store,
                       {.name = name_,
                        .tar = tar_,
                        .oci = oci_,
                        .oci_reference = reference_,
                        .oci_platform = platform_,
                        .kernel = files.kernel,
                        .modules = modules,
                        .agent = agent,
                        .command_line = command_line_,
                        .memory_bytes = memory_bytes,
                        .replace = force_},
                       progress);
}

int ImportCommand::Run(const Invocation& invocation) {
  return RunInterruptibly([&](Progress& progress) -> absl::Status {
    ASSIGN_OR_RETURN(ImageStore store, OpenImageStore(/*changes=*/true));
    ASSIGN_OR_RETURN(const Image image, Import(invocation.installation, store, progress));
    if (WantsJson(format_)) {
      PrintJson(DescribeImage(store, image));
    } else {
      std::puts(absl::StrCat("Imported ", name_, " (", HumanBytes(image.Bytes()),
                             "); try `voidbox run --image ", name_,
                             RunsSomething(image) ? "`" : " -- uname -a`")
                    .c_str());
    }
    return absl::OkStatus();
  });
}

}  // namespace voidbox
