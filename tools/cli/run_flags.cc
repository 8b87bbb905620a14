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
  run.add_option("--disk", flags.disks, "attach a raw disk image, read-only with ,ro; repeatable")
      ->type_name("FILE[,ro]")
      ->allow_extra_args(false);
  run.add_flag(
      "--console", flags.console,
      "show the guest kernel's console on stderr; without a command, stdin is typed on it");
  AddExecFlags(run, flags.exec);
  run.add_flag("-d,--detach", flags.detach,
               "print the sandbox' id once it is ready, and leave it running");
  run.add_flag("--rm", flags.remove, "with -d: forget it when it ends, its logs too");
  run.add_option("--name", flags.name, "name for the other commands, beside the id")
      ->type_name("NAME");
  run.add_option("--label", flags.labels, "note for `voidbox ps` and `inspect`; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  run.add_option("--kvm-host", flags.kvm_host,
                 "where: auto measures /dev/kvm; native uses it; emulated runs in QEMU's software "
                 "SVM (default: $VOIDBOX_KVM_HOST, or auto)")
      ->check(CLI::IsMember({"auto", "native", "emulated"}))
      ->type_name("HOST");
}

void AddEntrypointFlag(CLI::App& run, RunFlags& flags) {
  run.add_option_function<std::string>(
         "--entrypoint", [&flags](const std::string& program) { flags.entrypoint = program; },
         "put the image's entry point, or PROGRAM, before the command; '' is none, and no command "
         "of the image either")
      ->expected(0, 1)
      ->default_str(kImagesEntrypoint)
      ->type_name("PROGRAM")
      ->needs(run.get_option("--image"));
}

}  // namespace voidbox
