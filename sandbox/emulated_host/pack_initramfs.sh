#!/bin/bash
# pack_initramfs.sh HOSTD RELEASE_FILE OUTPUT MODULE_FILE...: the initramfs of the emulated host: hostd as /init, and in
# /modules the kernel modules it loads, in the order of /modules/order.
set -euo pipefail
hostd=$1 release=$(<"$2") output=$PWD/$3
shift 3
# The modules' own tree is what modprobe wants: .../lib/modules/RELEASE/modules.dep.
for file in "$@"; do
  [[ $file != */modules.dep ]] || tree=${file%/lib/modules/*}
done
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root"/{dev,modules}
install -m 755 "$hostd" "$root/init"
for module in kvm_amd virtio_pci virtio_console 9pnet_virtio 9p overlay vhost_vsock tun; do
  /sbin/modprobe -d "$tree" -S "$release" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  install -m 644 "$file" "$root/modules/"
  echo "${file##*/}" >>"$root/modules/order"
done
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc) >"$output"
