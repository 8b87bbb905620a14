#!/bin/bash
# host_manifest.sh HOSTD RELEASE_FILE OUTPUT MODULES MODULE_FILE...: writes the manifest (image/tree_manifest.h) of the
# emulated host's initramfs to OUTPUT: hostd as /init, and in /modules the kernel modules that it loads, whose order it
# reads from /modules/order. MODULES is an empty folder, for that file and for the modules that Debian 13 compresses.
set -euo pipefail
hostd=$1 release=$(<"$2") output=$3 modules=$4
shift 4
for file in "$@"; do
  [[ $file != */modules.dep ]] || tree=$(realpath "${file%/lib/modules/*}") # where modprobe finds its index
done
{
  echo "dir /dev 0755 0 0"
  echo "char /dev/console 0600 0 0 5 1"
  echo "file /init 0755 0 0 $hostd"
  echo "dir /modules 0755 0 0"
  echo "file /modules/order 0644 0 0 $modules/order"
} >"$output"
: >"$modules/order"
for module in kvm_amd virtio_pci virtio_console 9pnet_virtio 9p overlay vhost_vsock tun; do
  /sbin/modprobe -d "$tree" -S "$release" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  name=${file##*/}
  if [[ $name == *.xz ]]; then
    name=${name%.xz}
    xz -dc -- "$file" >"$modules/$name"
    file=$modules/$name
  fi
  echo "file /modules/$name 0644 0 0 $file" >>"$output"
  echo "$name" >>"$modules/order"
done
