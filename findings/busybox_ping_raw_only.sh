#!/bin/bash
# BusyBox' ping tries a raw socket and nothing else.
#
# Software: busybox-static 1:1.35.0-4+deb12u1+b1 (Debian 12; 1.37.0 of Debian 13 does the same).
# Guess: without CAP_NET_RAW it falls back to a ping socket (SOCK_DGRAM, IPPROTO_ICMP), as the ping of iputils does, where
#   net.ipv4.ping_group_range allows it.
# What happens: it ends with "permission denied (are you root?)" after the one raw socket that it is refused; the same
#   process may open the ping socket.
# Why it matters: that container runtimes and systemd open ping_group_range is no help in an image of BusyBox, and where
#   no_new_privs is set, set-user-id and file capabilities are none either. voidbox' images have a ping of their own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
chmod 755 "$folder"
cd -- "$folder"
apt-get download -q busybox-static=1:1.35.0-4+deb12u1+b1 >/dev/null 2>&1
dpkg-deb -x busybox-static_*.deb .

# A network of its own, whose only group may have ping sockets, and a process without any capability.
cat > inside.sh <<'INSIDE'
echo '0 0' > /proc/sys/net/ipv4/ping_group_range
plain=(setpriv --no-new-privs --bounding-set=-all --inh-caps=-all)
"${plain[@]}" python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)'
echo "a ping socket: opened"
"${plain[@]}" "$1" ping -c1 127.0.0.1 2>&1 || true
INSIDE
busybox=$(find "$folder" -path '*bin/busybox' -type f)
said=$(unshare --user --map-root-user --net bash -e inside.sh "$busybox")
printf '%s\n' "$said"
[[ $said == *"a ping socket: opened"*"are you root"* ]]
