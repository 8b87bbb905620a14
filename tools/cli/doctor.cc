#include "tools/cli/doctor.h"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/io.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/home.h"
#include "sandbox/kvm_probe.h"
#include "sandbox/registry.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {
namespace {

constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";

struct Check {
  std::string name;
  enum Result { kOk, kNote, kBad } result;
  std::string found;
  std::string advice;  // what to do about it; may be empty
};

const char* Word(Check::Result result) {
  switch (result) {
    case Check::kOk:
      return "ok";
    case Check::kNote:
      return "note";
    case Check::kBad:
      return "bad";
  }
  return "";
}

Check CheckKvm(const KvmProbeResult& probe) {
  if (probe.usable) {
    return {"kvm", Check::kOk,
            absl::StrFormat("/dev/kvm runs guests natively (%.0f million instructions a second)",
                            probe.ring0_mips),
            ""};
  }
  const bool forbidden = ::access("/dev/kvm", F_OK) == 0 && ::access("/dev/kvm", R_OK | W_OK) != 0;
  return {"kvm", Check::kNote, probe.reason,
          forbidden ? "add yourself to the group kvm: usermod -aG kvm USER, then log in again"
                    : "sandboxes run in the emulated KVM host, some ten times slower; for full "
                      "speed use a machine with VT-x or AMD-V (nested virtualisation will do)"};
}

// Only where sandboxes use this KVM.
Check CheckCreateVm(const KvmProbeResult& probe) {
  const std::string found =
      absl::StrFormat("KVM_CREATE_VM takes %.1f ms of each start", probe.create_vm_ms);
  const auto mounts = ReadFile("/proc/self/mounts");
  const std::string slow = mounts.ok() ? SlowCgroupMount(*mounts) : "";
  if (probe.create_vm_ms < kSlowCreateVmMs || slow.empty()) {
    return {"kvm start", Check::kOk, found, ""};
  }
  return {"kvm start", Check::kNote, found,
          absl::StrCat("sooner with mount -o remount,favordynmods ", slow,
                       " (Linux 6.0 and later): joining a cgroup then waits for no grace period")};
}

Check CheckEmulatedHost(const Installation& installation, bool needed) {
  const Check::Result missing = needed ? Check::kBad : Check::kNote;
  if (::access(kQemu, X_OK) != 0) {
    return {"emulated host", missing, absl::StrCat(kQemu, " is not there"),
            "apt-get install -y --no-install-recommends qemu-system-x86"};
  }
  auto home = VoidboxHome();
  if (!home.ok()) return {"emulated host", missing, std::string(home.status().message()), ""};
  const auto files = FindHostFiles(installation, *home);
  if (!files.ok()) return {"emulated host", missing, std::string(files.status().message()), ""};
  const auto status = GetHostStatus(*home);
  if (!status.ok()) {
    return {"emulated host", Check::kNote, std::string(status.status().message()),
            "voidbox host stop"};
  }
  if (!status->has_value()) return {"emulated host", Check::kOk, "can be started", ""};
  return {"emulated host", Check::kOk,
          absl::StrCat("is running (QEMU's pid ", (*status)->qemu_pid(), ")"), ""};
}

Check CheckFile(const Installation& installation, Installation::Item item, const char* name) {
  const auto path = installation.Path(item);
  if (path.ok()) return {name, Check::kOk, *path, ""};
  return {name, Check::kBad, std::string(path.status().message()),
          "./bazelw build //tools:voidbox"};
}

Check CheckHome() {
  const auto home = VoidboxHome();
  if (!home.ok()) {
    return {"home", Check::kBad, std::string(home.status().message()), "set VOIDBOX_HOME"};
  }
  auto registry = Registry::Open(*home);
  if (!registry.ok()) {
    return {"home", Check::kBad, std::string(registry.status().message()),
            "set VOIDBOX_HOME to a directory that you can write to"};
  }
  const auto living = registry->List();
  if (!living.ok()) return {"home", Check::kBad, std::string(living.status().message()), ""};
  return {"home", Check::kOk, absl::StrCat(*home, " (", living->size(), " sandboxes run)"), ""};
}

void PrintText(const std::vector<Check>& checks, bool works) {
  for (const Check& check : checks) {
    std::fputs(
        absl::StrFormat("%-5s %-14s %s\n", Word(check.result), check.name, check.found).c_str(),
        stdout);
    if (!check.advice.empty()) {
      std::fputs(absl::StrFormat("%-5s %-14s -> %s\n", "", "", check.advice).c_str(), stdout);
    }
  }
  std::fputs(works ? "\nSandboxes can run here.\n" : "\nSandboxes cannot run here yet.\n", stdout);
}

void PrintJson(const std::vector<Check>& checks, const KvmProbeResult& probe, bool works) {
  nlohmann::json list = nlohmann::json::array();
  for (const Check& check : checks) {
    list.push_back({{"name", check.name},
                    {"result", Word(check.result)},
                    {"found", check.found},
                    {"advice", check.advice}});
  }
  const nlohmann::json report = {{"usable", works},
                                 {"kvm_host", probe.usable ? "native" : "emulated"},
                                 {"kvm",
                                  {{"usable", probe.usable},
                                   {"ring0_mips", probe.ring0_mips},
                                   {"create_vm_ms", probe.create_vm_ms}}},
                                 {"checks", list}};
  std::puts(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int Doctor(const Installation& installation, bool json) {
  const KvmProbeResult probe = ProbeKvm();
  std::vector<Check> checks = {CheckKvm(probe)};
  if (probe.usable) checks.push_back(CheckCreateVm(probe));
  if (!IsInsideHost()) checks.push_back(CheckEmulatedHost(installation, !probe.usable));
  checks.push_back(CheckFile(installation, Installation::Item::kVmm, "vmm"));
  checks.push_back(CheckFile(installation, Installation::Item::kGuestKernel, "guest kernel"));
  checks.push_back(CheckFile(installation, Installation::Item::kGuestInitramfs, "guest image"));
  checks.push_back(CheckHome());
  bool works = true;
  for (const Check& check : checks) works = works && check.result != Check::kBad;
  if (json) {
    PrintJson(checks, probe, works);
  } else {
    PrintText(checks, works);
  }
  return works ? 0 : 1;
}

}  // namespace voidbox
