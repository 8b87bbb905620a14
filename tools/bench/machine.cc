#include "tools/bench/machine.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace voidbox::bench {
namespace {

constexpr uint32_t kGuestCid = 3;

Program With(Program program, std::initializer_list<std::string> arguments) {
  program.insert(program.end(), arguments);
  return program;
}

}  // namespace

absl::string_view DisplayName(VmmKind kind) {
  switch (kind) {
    case VmmKind::kVoidbox:
      return "voidbox";
    case VmmKind::kQemuMicrovm:
      return "QEMU microvm";
    case VmmKind::kFirecracker:
      return "Firecracker";
  }
  return "";
}

absl::string_view JsonName(VmmKind kind) {
  switch (kind) {
    case VmmKind::kVoidbox:
      return "voidbox";
    case VmmKind::kQemuMicrovm:
      return "qemu_microvm";
    case VmmKind::kFirecracker:
      return "firecracker";
  }
  return "";
}

absl::string_view VsockSocketName(VmmKind kind) {
  return kind == VmmKind::kVoidbox ? "vsock.sock" : "v.sock";
}

vmm::VmConfig VoidboxConfig(const Guest& guest, const std::string& directory, int console_fd) {
  vmm::VmConfig config;
  config.set_kernel_path(guest.kernel);
  config.set_initramfs_path(guest.initramfs);
  config.set_kernel_command_line(guest.command_line);
  config.set_vcpu_count(1);
  config.set_memory_bytes(kGuestMemoryBytes);
  config.set_directory(directory);
  config.set_console_output_fd(console_fd);
  return config;
}

Program VoidboxCommand(const Program& vmm, int config_fd, int event_fd) {
  return With(vmm, {"--config-fd", absl::StrCat(config_fd), "--event-fd", absl::StrCat(event_fd)});
}

std::string FirecrackerConfig(const Guest& guest, const std::string& directory) {
  const nlohmann::json config = {
      {"boot-source",
       {{"kernel_image_path", guest.kernel},
        {"initrd_path", guest.initramfs},
        {"boot_args", guest.command_line}}},
      {"drives", nlohmann::json::array()},
      {"machine-config", {{"vcpu_count", 1}, {"mem_size_mib", kGuestMemoryMib}}},
      {"vsock",
       {{"guest_cid", kGuestCid},
        {"uds_path", absl::StrCat(directory, "/", VsockSocketName(VmmKind::kFirecracker))}}},
      {"entropy", nlohmann::json::object()},
  };
  return config.dump();
}

Program FirecrackerCommand(const Program& firecracker, const std::string& directory) {
  return With(firecracker,
              {"--no-seccomp", "--no-api", "--log-path", absl::StrCat(directory, "/log"), "--level",
               "Error", "--config-file", absl::StrCat(directory, "/config.json")});
}

Program QemuMicrovmCommand(const Program& qemu, const std::string& firmware, const Guest& guest) {
  return With(qemu, {"-L",          firmware,
                     "-machine",    "microvm,acpi=off,pit=on,pic=on,rtc=off,isa-serial=on",
                     "-accel",      "kvm",
                     "-cpu",        "host",
                     "-m",          absl::StrCat(kGuestMemoryMib),
                     "-smp",        "1",
                     "-kernel",     guest.kernel,
                     "-initrd",     guest.initramfs,
                     "-append",     guest.command_line,
                     "-nodefaults", "-no-user-config",
                     "-display",    "none",
                     "-serial",     "stdio"});
}

}  // namespace voidbox::bench
