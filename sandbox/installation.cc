#include "sandbox/installation.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace voidbox {
namespace {

struct Place {
  const char* description;
  const char* built;      // below bazel-bin
  const char* installed;  // below the prefix
};

Place PlaceOf(Installation::Item item) {
  switch (item) {
    case Installation::Item::kVmm:
      return {"the VMM", "vmm/voidbox-vmm", "libexec/voidbox/voidbox-vmm"};
    case Installation::Item::kGuestKernel:
      return {"the guest kernel", "image/kernel/vmlinux", "share/voidbox/vmlinux"};
    case Installation::Item::kGuestKernelConfig:
      return {"the guest kernel's configuration", "image/kernel/config",
              "share/voidbox/vmlinux.config"};
    case Installation::Item::kGuestInitramfs:
      return {"the guest's initramfs", "image/minimal.cpio", "share/voidbox/minimal.cpio"};
    case Installation::Item::kGuestAgent:
      return {"the guest's agent", "agent/guest-agent", "libexec/voidbox/guest-agent"};
    case Installation::Item::kBusybox:
      return {"the guests' BusyBox", "image/busybox/busybox", "libexec/voidbox/busybox"};
    case Installation::Item::kHostBroker:
      return {"the emulated host's broker", "sandbox/emulated_host/voidbox-host-broker",
              "libexec/voidbox/voidbox-host-broker"};
    case Installation::Item::kHostKernel:
      return {"the emulated host's kernel", "sandbox/emulated_host/host_vmlinux",
              "share/voidbox/host_vmlinux"};
    case Installation::Item::kHostInitramfs:
      return {"the emulated host's initramfs", "sandbox/emulated_host/host_initramfs.cpio",
              "share/voidbox/host_initramfs.cpio"};
    case Installation::Item::kHostKey:
      return {"the emulated host's key", "sandbox/emulated_host/host_key.txt",
              "share/voidbox/host_key.txt"};
  }
  return {"", "", ""};
}

}  // namespace

absl::StatusOr<Installation> Installation::Find() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return ErrnoStatus("/proc/self/exe", error.value());
  return Of(path.string());
}

Installation Installation::Of(const std::string& path) {
  // bazel-bin/tools/voidbox, or PREFIX/bin/voidbox: both lie two levels below their root.
  const std::string root = std::filesystem::path(path).parent_path().parent_path().string();
  return Installation(path, root);
}

absl::StatusOr<std::string> Installation::Path(Item item) const {
  const Place place = PlaceOf(item);
  const std::string built = absl::StrCat(root_, "/", place.built);
  if (::access(built.c_str(), F_OK) == 0) return built;
  const std::string installed = absl::StrCat(root_, "/", place.installed);
  if (::access(installed.c_str(), F_OK) == 0) return installed;
  return absl::NotFoundError(absl::StrCat("cannot find ", place.description, ": neither ", built,
                                          " nor ", installed, " is there"));
}

}  // namespace voidbox
