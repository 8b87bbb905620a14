#!/bin/bash
# make_base_tarball.sh musl|debian FILE: a small root file system as a tar archive, out of this machine's own packages.
#
#   musl     musl's libraries and a static BusyBox in the places where Alpine has them
#   debian   what dash, coreutils and grep need of Debian, with their entries of dpkg's database
set -euo pipefail
what=$1 output=$2
tree=$(mktemp -d "${TEST_TMPDIR:-/tmp}/base.XXXXXX")
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree"/{etc,tmp,usr/bin,var/log}

case $what in
  musl)
    mkdir -p "$tree"/{bin,lib/apk/db}
    cp -L -- /lib/ld-musl-x86_64.so.1 "$tree"/lib/ld-musl-x86_64.so.1
    cp -- /bin/busybox "$tree"/bin/busybox
    /bin/busybox --list | while read -r applet; do
      [[ $applet == busybox ]] || ln -s busybox "$tree/bin/$applet"
    done
    printf 'P:musl\nV:%s\n\nP:busybox\nV:%s\n\n' "$(dpkg-query -W -f '${Version}' musl)" \
      "$(dpkg-query -W -f '${Version}' busybox-static)" > "$tree"/lib/apk/db/installed
    echo 3.0.0-made-by-a-test > "$tree"/etc/alpine-release
    ;;
  debian)
    packages=(base-files coreutils dash grep libacl1 libattr1 libc6 libgmp10 libpcre2-8-0 libselinux1)
    ln -s usr/bin "$tree"/bin
    mkdir -p "$tree"/var/lib/dpkg "$tree"/usr/lib "$tree"/usr/lib64 "$tree"/usr/sbin
    for directory in lib lib64 sbin; do ln -s usr/$directory "$tree/$directory"; done
    # Programs and libraries alone, through the links of the merged /usr.
    dpkg -L "${packages[@]}" | grep -E '^(/usr)?/(bin|lib64|lib/x86_64-linux-gnu)/|^/etc/(debian_version|os-release)$' |
      sort -u | while read -r path; do
        if [[ -d $path && ! -L $path ]]; then mkdir -p "$tree$path"; continue; fi
        [[ ! -e $path && ! -L $path ]] || { mkdir -p "$tree$(dirname "$path")"; cp -d -- "$path" "$tree$path"; }
      done
    ln -sf dash "$tree"/usr/bin/sh
    cp -- /etc/debian_version "$tree"/etc/
    dpkg-query -s "${packages[@]}" > "$tree"/var/lib/dpkg/status
    echo 0123456789abcdef0123456789abcdef > "$tree"/etc/machine-id
    ;;
  *) echo "usage: make_base_tarball.sh musl|debian FILE" >&2; exit 2 ;;
esac
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$tree"/etc/passwd
printf 'root:x:0:\n' > "$tree"/etc/group
echo "a line of today" > "$tree"/var/log/messages
chmod 1777 "$tree"/tmp
tar -C "$tree" --owner=0 --group=0 --sort=name -cf "$output" .
