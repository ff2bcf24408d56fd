#!/bin/sh
# Installs the Debian packages listed in a file, as root; otherwise names those that are missing and exits 2.
set -eu
missing=""
for package in $(cat "$1"); do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need these Debian packages: install them with  sudo apt-get install$missing" >&2
  exit 2
fi
echo "== Debian packages:$missing"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
