// make_rootfs: an ext4 file system from a tar archive or a container image, with what manifests
// list on top. --help has the options.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/byte_source.h"
#include "image/ext4_writer.h"
#include "image/file_tree.h"
#include "image/oci_archive.h"
#include "image/tar_reader.h"
#include "image/tree_manifest.h"

namespace voidbox {
namespace {

struct Flags {
  std::string output;
  std::string tar;
  std::string oci;
  std::string reference;
  std::string platform;
  std::vector<std::string> manifests;
  TarOptions::Devices devices = TarOptions::Devices::kDrop;
  Ext4Options ext4;
};

void ReportDropped(const std::string& archive, const DroppedParts& dropped) {
  const std::string description = dropped.Description();
  if (!description.empty()) LogInfo(archive, ": left out ", description);
}

absl::StatusOr<FileTree> ReadInput(const Flags& flags) {
  if (!flags.oci.empty()) {
    absl::StatusOr<OciImage> image = ReadOciImage(
        flags.oci,
        {.reference = flags.reference, .platform = flags.platform, .devices = flags.devices});
    RETURN_IF_ERROR(About(flags.oci, image.status()));
    ReportDropped(flags.oci, image->dropped);
    return std::move(image->tree);
  }
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create());
  if (flags.tar.empty()) return tree;
  const UniqueFd file(flags.tar == "-" ? -1 : ::open(flags.tar.c_str(), O_RDONLY | O_CLOEXEC));
  if (flags.tar != "-" && !file) return ErrnoStatus(flags.tar);
  const absl::StatusOr<TarSummary> summary =
      ReadTar(DescriptorSource(file ? file.get() : 0), {.devices = flags.devices}, tree);
  RETURN_IF_ERROR(About(flags.tar, summary.status()));
  ReportDropped(flags.tar, summary->dropped);
  return tree;
}

absl::Status MakeRootfs(const Flags& flags) {
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(FileTree tree, ReadInput(flags));
  for (const std::string& path : flags.manifests) {
    ASSIGN_OR_RETURN(const std::string manifest, ReadFile(path));
    RETURN_IF_ERROR(About(path, AddManifest(manifest, tree)));
  }
  tree.NormalizeTimes(flags.ext4.source_date_epoch);
  const absl::Time read = absl::Now();
  ASSIGN_OR_RETURN(const Ext4Summary summary, WriteExt4(tree, flags.output, flags.ext4));
  LogInfo(flags.output, ": ", tree.entries(), " entries, ", summary.bytes, " bytes, ",
          summary.free_bytes, " of them free; read in ", absl::FormatDuration(read - begin),
          ", written in ", absl::FormatDuration(absl::Now() - read));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  using Devices = TarOptions::Devices;
  Flags flags;
  const char* const epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch != nullptr && !absl::SimpleAtoi(epoch, &flags.ext4.source_date_epoch)) {
    LogError("SOURCE_DATE_EPOCH '", epoch, "' is not a number of seconds");
    return 1;
  }
  CLI::App app("Makes an ext4 file system, without mounting anything.", "make_rootfs");
  app.add_option("output", flags.output, "the image, replaced when it is whole")->required();
  auto* const tar = app.add_option("--tar", flags.tar, "archive of the files; - is standard input");
  app.add_option("--oci", flags.oci, "image layout (directory or archive) or docker-save archive")
      ->excludes(tar);
  app.add_option("--reference", flags.reference, "which image of several in --oci");
  app.add_option("--platform", flags.platform, "which variant in --oci, as linux/amd64/v3");
  app.add_option("--manifest", flags.manifests, "entries on top (tree_manifest.h); repeatable")
      ->allow_extra_args(false);
  const std::map<std::string, Devices> policies = {
      {"refuse", Devices::kRefuse}, {"drop", Devices::kDrop}, {"keep", Devices::kKeep}};
  app.add_option("--devices", flags.devices, "what is done with device nodes (default: drop)")
      ->transform(CLI::CheckedTransformer(policies));
  app.add_option("--free", flags.ext4.free_bytes, "bytes left free (default: 64 MiB)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--label", flags.ext4.label, "of the file system, at most 16 bytes");
  app.add_option("--source-date-epoch", flags.ext4.source_date_epoch,
                 "no file is newer, in seconds since 1970 (default: $SOURCE_DATE_EPOCH, or 0)");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = MakeRootfs(flags);
  if (!status.ok()) LogError(status.message());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  voidbox::SetLogTarget(2, "make_rootfs");
  return voidbox::Main(argc, argv);
}
