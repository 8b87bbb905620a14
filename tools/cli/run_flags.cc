#include "tools/cli/run_flags.h"

namespace voidbox {

void AddRunFlags(FlagParser run, RunFlags& flags) {
  const Flag image =
      run.Add("--image", flags.image, "boot an image of the store, see `voidbox image ls`")
          .Type("NAME");
  run.Add("--kernel", flags.kernel, "guest kernel: vmlinux (ELF) or bzImage").Type("FILE");
  run.Add("--initramfs", flags.initramfs, "guest initramfs, with an agent")
      .Type("FILE")
      .Excludes(image);
  run.Add("--rootfs", flags.root_disk.path,
          "root file system instead of an initramfs: an ext4 image with an agent as "
          "/sbin/init; never written itself; /dev/vda")
      .Type("FILE")
      .Excludes(image);
  run.Add("--disk-size", flags.root_disk.size, "grow the root file system to this size, such as 4G")
      .Type("SIZE");
  run.Add("--overlay", flags.root_disk.overlay,
          "keep what the guest writes to its root file system in this file, made when missing")
      .Type("FILE");
  run.AddSwitch("--ephemeral", flags.root_disk.ephemeral,
                "throw it away with the sandbox (the default)");
  run.Add("--cmdline", flags.command_line, "words to append to the kernel command line")
      .Type("WORDS");
  run.Add("--cpus", flags.cpus, "virtual CPUs, 1 to 32").Type("N").ShowDefault();
  run.Add("--memory,-m", flags.memory, "guest memory, such as 512M or 2G")
      .Type("SIZE")
      .ShowDefault();
  run.Add("--disk", flags.disks, "attach a raw disk image, read-only with ,ro; repeatable")
      .Type("FILE[,ro]")
      .OneValueEach();
  run.AddSwitch(
      "--console", flags.console,
      "show the guest kernel's console on stderr; without a command, stdin is typed on it");
  AddExecFlags(run, flags.exec);
  run.AddSwitch("-d,--detach", flags.detach,
                "print the sandbox' id once it is ready, and leave it running");
  run.AddSwitch("--rm", flags.remove, "with -d: forget it when it ends, its logs too");
  run.Add("--name", flags.name, "name for the other commands, beside the id").Type("NAME");
  run.Add("--label", flags.labels, "note for `voidbox ps` and `inspect`; repeatable")
      .Type("NAME=VALUE")
      .OneValueEach();
  run.Add("--kvm-host", flags.kvm_host,
          "where: auto measures /dev/kvm; native uses it; emulated runs in QEMU's software "
          "SVM (default: $VOIDBOX_KVM_HOST, or auto)")
      .OneOf({"auto", "native", "emulated"})
      .Type("HOST");
}

void AddEntrypointFlag(FlagParser run, RunFlags& flags) {
  run.AddWithBare(
         "--entrypoint", flags.entrypoint, kImagesEntrypoint,
         "put the image's entry point, or PROGRAM, before the command; '' is none, and no command "
         "of the image either")
      .Type("PROGRAM")
      .Needs(run.Of("--image"));
}

}  // namespace voidbox
