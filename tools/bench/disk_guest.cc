#include "tools/bench/disk_guest.h"

#include <unistd.h>

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "image/ext4_writer.h"
#include "image/file_tree.h"

namespace voidbox::bench {
namespace {

constexpr char kFio[] = "/usr/bin/fio";
constexpr char kBusybox[] = "/bin/busybox";
constexpr uint64_t kRequests = kDiskBytes / kDiskRequestBytes;  // of each job

// $JOBS is kDiskJobs as fio takes them. What its terse output (fio(1), "TERSE OUTPUT", version 3)
// says about reading begins with field 6, about writing with field 47: KiB, KiB/s, IOPS, ms.
constexpr char kInit[] = R"(#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t tmpfs tmp /tmp
cd /tmp
/usr/bin/fio --output-format=terse --terse-version=3 --filename=/dev/vdb --direct=1 --bs=4k \
  --ioengine=psync --size=$SIZE --thread --gtod_reduce=1 --clocksource=clock_gettime $JOBS \
  > out 2> errors
$b cat errors
$b sed -n -e 's/^3;/&/p' out | $b cut -d ';' -f 3,5,6,9,47,50 | $b sed -e 's/^/bench-disk;/'
echo $END
exec $b sleep 1000000
)";

std::string FioJobs() {
  // Unmeasured: what runs for the first time on either side.
  std::string jobs = "--name=warm_up --rw=randread --io_size=1m";
  constexpr std::array<const char*, kDiskJobs.size()> kPatterns = {"read", "randread", "write",
                                                                   "randwrite"};
  for (size_t i = 0; i < kDiskJobs.size(); ++i) {
    absl::StrAppend(&jobs, " --stonewall --name=", kDiskJobs[i], " --rw=", kPatterns[i]);
  }
  return jobs;
}

absl::Status AddHostFile(FileTree& tree, const std::string& path) {
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().AddHostFile(path));
  return tree.AddFile(path.substr(1), {.permissions = 0755}, std::move(contents));
}

absl::Status AddProgram(FileTree& tree, const std::string& path, absl::string_view package) {
  if (::access(path.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("the guest of this benchmark needs ", path,
                                                      "; install the package ", package));
  }
  RETURN_IF_ERROR(AddHostFile(tree, path));
  for (const std::string& library : LibrariesOf(path)) RETURN_IF_ERROR(AddHostFile(tree, library));
  return absl::OkStatus();
}

// Requests a second in one direction, unless the job went in the other.
std::optional<double> Rate(absl::string_view kib_text, absl::string_view ms_text) {
  uint64_t kib = 0, ms = 0;
  if (!absl::SimpleAtoi(kib_text, &kib) || !absl::SimpleAtoi(ms_text, &ms) || ms == 0 ||
      kib != kDiskBytes >> 10) {
    return std::nullopt;
  }
  return static_cast<double>(kRequests) / static_cast<double>(ms) * 1e3;
}

// Of the line "bench-disk;JOB;ERROR;READ KIB;READ MS;WRITTEN KIB;WRITE MS".
std::optional<double> ParseLine(absl::string_view line, absl::string_view job) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ';');
  if (fields.size() != 7 || fields[0] != "bench-disk" || fields[1] != job || fields[2] != "0") {
    return std::nullopt;
  }
  const std::optional<double> read = Rate(fields[3], fields[4]);
  return read.has_value() ? read : Rate(fields[5], fields[6]);
}

}  // namespace

absl::StatusOr<std::string> MakeDiskGuest(const Stage& stage) {
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create({}, stage.path()));
  RETURN_IF_ERROR(AddProgram(tree, kFio, "fio"));
  RETURN_IF_ERROR(AddProgram(tree, kBusybox, "busybox-static"));
  for (const char* directory : {"dev", "proc", "sys", "tmp"}) {
    RETURN_IF_ERROR(tree.AddDirectory(directory, {.permissions = 0755}));
  }
  // What the kernel opens for init.
  RETURN_IF_ERROR(
      tree.AddSpecial("dev/console", {.permissions = 0600}, FileType::kCharacterDevice, 5, 1));
  const std::string init = absl::StrReplaceAll(
      kInit, {{"$JOBS", FioJobs()}, {"$SIZE", absl::StrCat(kDiskBytes)}, {"$END", kDiskGuestEnd}});
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().Add(init));
  RETURN_IF_ERROR(tree.AddFile("sbin/init", {.permissions = 0755}, std::move(contents)));
  const std::string path = absl::StrCat(stage.path(), "/disk_guest.ext4");
  RETURN_IF_ERROR(WriteExt4(tree, path, {.free_bytes = 0}).status());
  return path;
}

absl::StatusOr<std::string> MakeDataDisk(const Stage& stage) {
  const std::string path = absl::StrCat(stage.path(), "/data.img");
  RETURN_IF_ERROR(WriteFileAtomically(path, std::string(kDiskBytes, 'd')));
  return path;
}

absl::StatusOr<std::array<double, kDiskJobs.size()>> ParseDiskRates(absl::string_view console) {
  std::array<double, kDiskJobs.size()> rates;
  const std::vector<absl::string_view> lines = absl::StrSplit(console, '\n');
  for (size_t i = 0; i < kDiskJobs.size(); ++i) {
    std::optional<double> rate;
    for (const absl::string_view line : lines) {
      if (!rate.has_value()) rate = ParseLine(absl::StripAsciiWhitespace(line), kDiskJobs[i]);
    }
    if (!rate.has_value()) {
      return absl::DataLossError(absl::StrCat("the guest says nothing of a whole job ",
                                              kDiskJobs[i], "; it printed:\n", console));
    }
    rates[i] = *rate;
  }
  return rates;
}

}  // namespace voidbox::bench
