#!/bin/bash
# make_test_image.sh DENO FILE: what the examples need of the images that examples/README.md names, as one tar archive, out
# of this machine's own Debian packages: no network, and some seconds instead of minutes.
set -euo pipefail
deno=$1 output=$2
tree=$(mktemp -d "${TEST_TMPDIR:-/tmp}/image.XXXXXX")
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree"/{etc,tmp,home/user/.deno/bin,usr/{bin,lib,lib64,sbin}}
for directory in bin lib lib64 sbin; do ln -s usr/$directory "$tree/$directory"; done

# The packages with all that they depend on, as far as it is installed here.
mapfile -t packages < <(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks \
  --no-replaces --no-enhances dash coreutils grep sed python3 python3-pip gcc libc6-dev make |
  grep -v '^[ <|]' | sort -u)
# Programs, libraries and headers (GCC 14 has the compiler itself in libexec); neither of C++, of the sanitizers nor of other
# languages.
dpkg -L "${packages[@]}" |
  grep -E '^(/usr)?/(bin|lib|lib64|libexec|include)/|^/etc/(debian_version|os-release)$' |
  grep -Ev 'cc1plus|lto1|libmvec|gprof|ld.gold|dwp|libdb|/plugin/|lib(a|t|l|hwa|ub)san|/(gconv|idlelib|ensurepip|systemd)/' |
  sort -u > "$tree/list"
python=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
find "$python" /usr/lib/python3/dist-packages/pip -name '__pycache__' >> "$tree/list"  # compiled when the package was installed: they belong to none
sed -E 's,^/(bin|lib|lib64|sbin)/,/usr/\1/,' "$tree/list" | sort -u |
  while read -r path; do [[ ! -e $path && ! -L $path ]] || [[ -d $path && ! -L $path && $path != */__pycache__ ]] ||
    printf '%s\0' "$path"; done |
  tar -C / --null --no-wildcards -T - -cf - 2> /dev/null | tar -C "$tree" -xf -
rm "$tree/list"
ln -sf dash "$tree"/usr/bin/sh
# pip of Debian 13 reads them as it starts, with or without a network.
mkdir -p "$tree"/etc/ssl/certs
cp -L -- /etc/ssl/certs/ca-certificates.crt "$tree"/etc/ssl/certs/
cp -L -- "$deno" "$tree"/home/user/.deno/bin/deno
chmod 755 "$tree"/home/user/.deno/bin/deno
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$tree"/etc/passwd
printf 'root:x:0:\n' > "$tree"/etc/group
chmod 1777 "$tree"/tmp
tar -C "$tree" --owner=0 --group=0 --sort=name --exclude=./home/user -cf "$output" .
tar -C "$tree" --owner=1000 --group=1000 --no-recursion -rf "$output" ./home/user
tar -C "$tree" --owner=0 --group=0 -rf "$output" ./home/user/.deno
