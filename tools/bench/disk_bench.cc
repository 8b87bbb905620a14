#include "tools/bench/disk_bench.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox::bench {
namespace {

constexpr char kRootWords[] = " root=/dev/vda rootfstype=ext4 ro init=/sbin/init";

Vmms WithDisks(const DiskSubject& subject, Vmms vmms, const std::string& root,
               const std::string& data) {
  using Access = GuestDisk::Access;
  vmms.guest.initramfs.clear();
  absl::StrAppend(&vmms.guest.command_line, kRootWords);
  vmms.guest.disks = {
      {.path = root, .access = Access::kReadOnly},
      {.path = data, .access = subject.copy_on_write ? Access::kCopyOnWrite : Access::kWritable}};
  vmms.guest.memory_mib = kDiskGuestMemoryMib;
  vmms.guest.gives_sign = false;
  return vmms;
}

absl::Status MeasureOne(const DiskSubject& subject, const Vmms& vmms, const Stage& stage,
                        DiskSamples& samples) {
  ASSIGN_OR_RETURN(const auto vm, RunningVm::Start(subject.kind, vmms, stage));
  ASSIGN_OR_RETURN(const std::string console, vm->AwaitConsole(kDiskGuestEnd));
  ASSIGN_OR_RETURN(const auto rates, ParseDiskRates(console));
  for (size_t i = 0; i < rates.size(); ++i) samples.iops[i].push_back(rates[i]);
  return absl::OkStatus();
}

}  // namespace

std::string DisplayName(const DiskSubject& subject) {
  return absl::StrCat(DisplayName(subject.kind), subject.copy_on_write ? ", copy-on-write" : "");
}

std::string JsonName(const DiskSubject& subject) {
  return absl::StrCat(JsonName(subject.kind), subject.copy_on_write ? "_cow" : "");
}

absl::StatusOr<DiskResult> RunDiskBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds, int rounds) {
  LogInfo("making the guest with fio");
  ASSIGN_OR_RETURN(const std::string root, MakeDiskGuest(stage));
  ASSIGN_OR_RETURN(const std::string data, MakeDataDisk(stage));
  DiskResult result;
  result.rounds = rounds;
  for (const VmmKind kind : kinds) {
    result.subjects.push_back({.subject = {.kind = kind}});
    if (kind == VmmKind::kVoidbox) {
      result.subjects.push_back({.subject = {.kind = kind, .copy_on_write = true}});
    }
  }
  for (int round = 0; round <= rounds; ++round) {
    for (DiskSamples& samples : result.subjects) {
      const DiskSubject& subject = samples.subject;
      DiskSamples unmeasured;
      DiskSamples& taken = round == 0 ? unmeasured : samples;
      RETURN_IF_ERROR(MeasureOne(subject, WithDisks(subject, vmms, root, data), stage, taken));
      std::string told;
      for (size_t i = 0; i < kDiskJobs.size(); ++i) {
        absl::StrAppend(&told, " ", kDiskJobs[i], " ", static_cast<int>(taken.iops[i].back()));
      }
      LogInfo(round == 0 ? "warm-up" : absl::StrCat("round ", round, " of ", rounds), ": ",
              DisplayName(subject), told, " a second");
    }
  }
  return result;
}

}  // namespace voidbox::bench
