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

bool IsReadOnly(const GuestDisk& disk) { return disk.access == GuestDisk::Access::kReadOnly; }

nlohmann::json FirecrackerDrives(const Guest& guest) {
  nlohmann::json drives = nlohmann::json::array();
  for (const GuestDisk& disk : guest.disks) {
    drives.push_back({{"drive_id", absl::StrCat("disk", drives.size())},
                      {"path_on_host", disk.path},
                      {"is_root_device", false},  // the command line says which
                      {"is_read_only", IsReadOnly(disk)},
                      {"cache_type", "Writeback"},
                      {"io_engine", "Sync"}});
  }
  return drives;
}

}  // namespace

absl::string_view DisplayName(VmmKind kind) {
  switch (kind) {
    case VmmKind::kVoidbox:
      return "voidbox";
    case VmmKind::kOtherVoidbox:
      return "voidbox, other build";
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
    case VmmKind::kOtherVoidbox:
      return "voidbox_other";
    case VmmKind::kQemuMicrovm:
      return "qemu_microvm";
    case VmmKind::kFirecracker:
      return "firecracker";
  }
  return "";
}

bool IsVoidbox(VmmKind kind) { return kind == VmmKind::kVoidbox || kind == VmmKind::kOtherVoidbox; }

absl::string_view VsockSocketName(VmmKind kind) {
  return IsVoidbox(kind) ? "vsock.sock" : "v.sock";
}

vmm::VmConfig VoidboxConfig(const Guest& guest, const std::string& directory, int console_fd) {
  vmm::VmConfig config;
  config.set_kernel_path(guest.kernel);
  config.set_initramfs_path(guest.initramfs);
  config.set_kernel_command_line(guest.command_line);
  config.set_vcpu_count(1);
  config.set_memory_bytes(guest.memory_mib << 20);
  for (const GuestDisk& disk : guest.disks) {
    vmm::Disk& added = *config.add_disks();
    added.set_path(disk.path);
    added.set_read_only(IsReadOnly(disk));
    added.set_ephemeral(disk.access == GuestDisk::Access::kCopyOnWrite);
  }
  config.set_directory(directory);
  config.set_console_output_fd(console_fd);
  return config;
}

Program VoidboxCommand(const Program& vmm, int config_fd, int event_fd) {
  return With(vmm, {"--config-fd", absl::StrCat(config_fd), "--event-fd", absl::StrCat(event_fd)});
}

std::string FirecrackerConfig(const Guest& guest, const std::string& directory) {
  nlohmann::json config = {
      {"boot-source", {{"kernel_image_path", guest.kernel}, {"boot_args", guest.command_line}}},
      {"drives", FirecrackerDrives(guest)},
      {"machine-config", {{"vcpu_count", 1}, {"mem_size_mib", guest.memory_mib}}},
      {"vsock",
       {{"guest_cid", kGuestCid},
        {"uds_path", absl::StrCat(directory, "/", VsockSocketName(VmmKind::kFirecracker))}}},
      {"entropy", nlohmann::json::object()},
  };
  if (!guest.initramfs.empty()) config["boot-source"]["initrd_path"] = guest.initramfs;
  return config.dump();
}

Program FirecrackerCommand(const Program& firecracker, const std::string& directory) {
  return With(firecracker,
              {"--no-seccomp", "--no-api", "--log-path", absl::StrCat(directory, "/log"), "--level",
               "Error", "--config-file", absl::StrCat(directory, "/config.json")});
}

Program QemuMicrovmCommand(const Program& qemu, const std::string& firmware, const Guest& guest) {
  Program command =
      With(qemu, {"-L",          firmware,
                  "-machine",    "microvm,acpi=off,pit=on,pic=on,rtc=off,isa-serial=on",
                  "-accel",      "kvm",
                  "-cpu",        "host",
                  "-m",          absl::StrCat(guest.memory_mib),
                  "-smp",        "1",
                  "-kernel",     guest.kernel,
                  "-append",     guest.command_line,
                  "-nodefaults", "-no-user-config",
                  "-display",    "none",
                  "-serial",     "stdio"});
  if (!guest.initramfs.empty()) command = With(command, {"-initrd", guest.initramfs});
  // Virtio 1 as the others speak it, not its draft.
  if (!guest.disks.empty()) command = With(command, {"-global", "virtio-mmio.force-legacy=false"});
  for (size_t i = 0; i < guest.disks.size(); ++i) {
    command =
        With(command, {"-drive",
                       absl::StrCat("if=none,format=raw,cache=writeback,aio=threads,id=disk", i,
                                    ",readonly=", IsReadOnly(guest.disks[i]) ? "on" : "off",
                                    ",file=", guest.disks[i].path),
                       // The guest is told of the buses from the last one down.
                       "-device",
                       absl::StrCat("virtio-blk-device,drive=disk", i, ",bus=virtio-mmio-bus.",
                                    guest.disks.size() - 1 - i)});
  }
  return command;
}

}  // namespace voidbox::bench
