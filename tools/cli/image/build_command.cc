#include "tools/cli/image/build_command.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/builder/build_for_store.h"
#include "image/builder/busybox.h"
#include "image/builder/flavours.h"
#include "image/builder/image_builder.h"
#include "sandbox/home.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {
namespace {

// 9999-12-31, the last day that the SBOM's dates can say.
constexpr int64_t kLastEpoch = 253402300799;

std::string Footer() {
  std::string text = "Flavours:\n";
  for (const FlavourDefinition& flavour : Flavours()) {
    absl::StrAppend(&text, "  ", flavour.name, std::string(10 - flavour.name.size(), ' '),
                    flavour.description, "\n");
  }
  absl::StrAppend(&text, R"(
Without --out the image goes into the store, in place of one of the same name. $BUSYBOX is the
default of --busybox. $SOURCE_DATE_EPOCH is the time of the newest file. docs/images.md has more.

Examples:
  voidbox image build
  voidbox image build debian --out dist/images/debian
  voidbox image build minimal --out minimal.cpio.gz
  voidbox image build alpine --base alpine-minirootfs-3.20.3-x86_64.tar.gz)");
  return text;
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<int64_t> SourceDateEpoch() {
  const std::string text = Variable("SOURCE_DATE_EPOCH");
  if (text.empty()) return kDefaultSourceDateEpoch;
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds) || seconds < 0 || seconds > kLastEpoch) {
    return absl::InvalidArgumentError(absl::StrCat(
        "SOURCE_DATE_EPOCH '", text, "' is not a number of seconds from 0 to ", kLastEpoch));
  }
  return seconds;
}

}  // namespace

FlagParser BuildCommand::AddTo(FlagParser app) {
  const FlagParser build = app.AddCommand("build", "Build an image of a flavour");
  build.SetFooter(Footer());
  build.Add("flavour", flavour_, "what to build").Type("FLAVOUR").ShowDefault();
  const Flag out =
      build
          .Add("--out", out_,
               "write vmlinux and initramfs.cpio.gz or rootfs.ext4 to this directory; or "
               "one file, if it ends with .cpio, .cpio.gz, .cpio.lz4, .cpio.zst or .ext4")
          .Type("DIR|FILE");
  build.Add("--name", name_, "of the image in the store (default: the flavour's)")
      .Type("NAME")
      .Excludes(out);
  build.Add("--base", base_, "a tar archive to take in place of a download").Type("FILE");
  build.Add("--mirror", mirror_, "where Debian's packages or Alpine's releases come from")
      .Type("URL");
  const Flag busybox =
      build.Add("--busybox", busybox_, "a static BusyBox (default: that of the minimal image)")
          .Type("FILE");
  build.AddSwitch("--no-busybox", no_busybox_, "leave BusyBox out").Excludes(busybox);
  build.AddSwitch("--no-deno", no_deno_, "leave Deno out of debian and agents");
  build.AddSwitch("--with-claude-code", with_claude_code_,
                  "debian, agents: the real Claude Code in place of the mock");
  build.AddSwitch("--quiet,-q", quiet_, "say nothing of how far it is");
  AddAutoFormat(build, format_);
  return build;
}

absl::StatusOr<BuildOptions> BuildCommand::Options(const Installation& installation) const {
  BuildOptions options;
  using Item = Installation::Item;
  ASSIGN_OR_RETURN(options.agent, installation.Path(Item::kGuestAgent));
  ASSIGN_OR_RETURN(options.kernel, installation.Path(Item::kGuestKernel));
  ASSIGN_OR_RETURN(options.kernel_config, installation.Path(Item::kGuestKernelConfig));
  if (!no_busybox_) {
    options.busybox = busybox_.empty() ? Variable("BUSYBOX") : busybox_;
    if (options.busybox.empty()) {
      ASSIGN_OR_RETURN(options.busybox, installation.Path(Item::kBusybox));
    }
    RETURN_IF_ERROR(CheckBusybox(options.busybox));
  }
  ASSIGN_OR_RETURN(const std::string cache, VoidboxCache());
  options.cache_directory = absl::StrCat(cache, "/images");
  ASSIGN_OR_RETURN(options.source_date_epoch, SourceDateEpoch());
  options.base_tarball = base_;
  options.mirror = mirror_;
  options.deno = !no_deno_;
  options.claude_code = with_claude_code_;
  return options;
}

absl::Status BuildCommand::BuildOut(const FlavourDefinition& flavour, const BuildOptions& options,
                                    Progress& progress) const {
  std::vector<std::string> files = {out_};
  if (NamesFile(out_)) {
    RETURN_IF_ERROR(BuildIntoFile(flavour, options, out_, progress));
  } else {
    ASSIGN_OR_RETURN(files, BuildIntoDirectory(flavour, options, out_, progress));
  }
  if (WantsJson(format_)) {
    PrintJson({{"flavour", flavour.name}, {"files", files}});
  } else {
    for (const std::string& file : files) std::puts(file.c_str());
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::BuildImage(const FlavourDefinition& flavour, const BuildOptions& options,
                                      Progress& progress) const {
  const std::string name = name_.empty() ? flavour.name : name_;
  ASSIGN_OR_RETURN(ImageStore store, OpenImageStore(/*changes=*/true));
  ASSIGN_OR_RETURN(const Image image, BuildForStore(flavour, options, name, store, progress));
  if (WantsJson(format_)) {
    PrintJson(DescribeImage(store, image));
  } else {
    std::puts(absl::StrCat("Built ", name, " (", HumanBytes(image.Bytes()),
                           "); try `voidbox run --image ", name, " -- sh -c 'echo hello'`")
                  .c_str());
  }
  return absl::OkStatus();
}

int BuildCommand::Run(const Invocation& invocation) {
  const ProgressStyle style = quiet_ ? ProgressStyle::kNone : ProgressStyle::kBarOrLines;
  return RunInterruptibly(
      [&](Progress& progress) -> absl::Status {
        ASSIGN_OR_RETURN(const FlavourDefinition flavour, FindFlavour(flavour_));
        if (with_claude_code_ && !flavour.has_npm_programs) {
          return absl::InvalidArgumentError(
              absl::StrCat("the flavour ", flavour.name, " has the mock of Claude Code only"));
        }
        ASSIGN_OR_RETURN(const BuildOptions options, Options(invocation.installation));
        return out_.empty() ? BuildImage(flavour, options, progress)
                            : BuildOut(flavour, options, progress);
      },
      style);
}

}  // namespace voidbox
