#include "tools/cli/run_flags.h"

namespace voidbox {

void AddRunFlags(CLI::App& run, RunFlags& flags) {
  CLI::Option* const image =
      run.add_option("--image", flags.image, "boot an image of the store, see `voidbox image ls`")
          ->type_name("NAME");
  run.add_option("--kernel", flags.kernel, "guest kernel: vmlinux (ELF) or bzImage")
      ->type_name("FILE");
  run.add_option("--initramfs", flags.initramfs, "guest initramfs, with an agent")
      ->type_name("FILE")
      ->excludes(image);
  run.add_option("--rootfs", flags.root_disk.path,
                 "root file system instead of an initramfs: an ext4 image with an agent as "
                 "/sbin/init; never written itself; /dev/vda")
      ->type_name("FILE")
      ->excludes(image);
  run.add_option("--disk-size", flags.root_disk.size,
                 "grow the root file system to this size, such as 4G")
      ->type_name("SIZE");
  run.add_option(
         "--overlay", flags.root_disk.overlay,
         "keep what the guest writes to its root file system in this file, made when missing")
      ->type_name("FILE");
  run.add_flag("--ephemeral", flags.root_disk.ephemeral,
               "throw it away with the sandbox (the default)");
  run.add_option("--cmdline", flags.command_line, "words to append to the kernel command line")
      ->type_name("WORDS");
  run.add_option("--cpus", flags.cpus, "virtual CPUs, 1 to 32")
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--memory,-m", flags.memory, "guest memory, such as 512M or 2G")
      ->type_name("SIZE")
      ->capture_default_str();
  run.add_option("--timeout", flags.timeout, "kill the command after this time (5s, 500ms, 2m)")
      ->type_name("TIME");
  run.add_option("--disk", flags.disks, "attach a raw disk image, read-only with ,ro; repeatable")
      ->type_name("FILE[,ro]")
      ->allow_extra_args(false);
  run.add_flag(
      "--console", flags.console,
      "show the guest kernel's console on stderr; without a command, stdin is typed on it");
  run.add_option("-e,--env", flags.environment,
                 "set a variable of the command's environment; NAME alone passes on the value "
                 "that it has here; repeatable")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  run.add_option("-w,--workdir", flags.working_directory, "directory in the guest to run it in")
      ->type_name("DIR");
  run.add_option("-u,--user", flags.user,
                 "whose command it is: a name of the guest's /etc/passwd, UID or UID:GID (default: "
                 "user, uid 1000)")
      ->type_name("USER");
  run.add_option("--isolation", flags.isolation,
                 "what it sees of the guest: rootfs, all of it; jail, /home/user alone, as /")
      ->check(CLI::IsMember({"rootfs", "jail"}))
      ->type_name("KIND")
      ->capture_default_str();
  run.add_option("--kvm-host", flags.kvm_host,
                 "where: auto measures /dev/kvm; native uses it; emulated runs in QEMU's software "
                 "SVM (default: $VOIDBOX_KVM_HOST, or auto)")
      ->check(CLI::IsMember({"auto", "native", "emulated"}))
      ->type_name("HOST");
}

}  // namespace voidbox
