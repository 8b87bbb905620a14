#!/bin/bash
# libarchive 3.6.2 (Debian 12: bsdtar of libarchive-tools 3.6.2-1+deb12u5) on Linux, tar archives with pax headers.
#
# Guess: a name that is valid UTF-8 comes out of an archive as it went in, since Linux' file systems keep names as bytes.
#
# What happens: names and link targets of pax headers are put into Unicode's composed form (NFC) while they are read, with
# status 0 and no word. Two files whose names differ only in form ("é" as one character, and as e with an accent) become
# one, with the contents of the second. GNU tar 1.34 keeps both.
#
# Why it matters: whoever unpacks images, uploads or backups with libarchive loses files that a Mac or a test suite has,
# and a name that was checked or hashed is not the one that is written.
#
# Usage: findings/libarchive_composes_names.sh     needs apt, dpkg-deb, python3 and GNU tar; changes nothing of the machine.
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 > apt.log 2>&1 || { cat apt.log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
python3 - <<'PYTHON'
import io, tarfile
with tarfile.open('names.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
    for name, data in (('\u00e9', b'one character\n'), ('e\u0301', b'two characters\n')):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
PYTHON
mkdir by_gnu_tar by_bsdtar
tar -xf names.tar -C by_gnu_tar
LD_LIBRARY_PATH=$(echo root/usr/lib/*-linux-gnu) root/usr/bin/bsdtar -xf names.tar -C by_bsdtar
for way in by_gnu_tar by_bsdtar; do
  echo "$way:"
  for file in "$way"/*; do echo " $(basename "$file" | tr -d '\n' | od -An -tx1): $(cat "$file")"; done
done
[[ $(find by_gnu_tar -type f | wc -l) -eq 2 ]] || { echo "changed: GNU tar does not keep both"; exit 1; }
[[ $(find by_bsdtar -type f | wc -l) -eq 1 && $(cat by_bsdtar/*) == 'two characters' ]] ||
  { echo "changed: bsdtar keeps both"; exit 1; }
