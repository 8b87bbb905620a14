#!/bin/bash
# libarchive refuses a zstd frame with zeroes behind it, and gives none of what the frame holds.
#
# Software: libarchive-tools and libarchive13 3.6.2-1+deb12u4 (Debian 12).
# Guess: zeroes behind a packed stream are passed by, as gzip's filter does it; at worst the error comes after the data.
# What happens: behind gzip they are passed by. Behind zstd the filter takes them for the next frame, fails with "Unknown
#   frame descriptor", and what it had unpacked of the first frame does not come out, as it did not fill a buffer.
# Why it matters: an initramfs is padded, and has archives one behind the other with zeroes between them, which Linux takes
#   in any packing (init/initramfs.c). Who reads one with libarchive takes good ones for damaged. voidbox reads them with
#   the libraries of the formats (image/decompress.cc).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
chmod 755 "$folder"
cd -- "$folder"
version=3.6.2-1+deb12u4
apt-get download -q libarchive-tools=$version libarchive13=$version zstd=1.5.4+dfsg2-5 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done
unpack() { LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu usr/bin/bsdcat "$1" 2>&1; }

echo contents > plain
gzip -9n < plain > padded.gz
usr/bin/zstd -q < plain > padded.zst
head -c 512 /dev/zero | tee -a padded.gz >> padded.zst

behind_gzip=$(unpack padded.gz || true)
behind_zstd=$(unpack padded.zst || true)
printf 'gzip: %s\nzstd: %s\n' "$behind_gzip" "$behind_zstd"
[[ $behind_gzip == contents && $behind_zstd == *"Unknown frame descriptor"* && $behind_zstd != *contents* ]]
