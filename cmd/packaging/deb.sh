#!/bin/bash
# deb.sh BINARY VERSION: packs the binary with its unit, a user and a first
# configuration into tandem_VERSION_ARCH.deb in the folder bin.
set -euo pipefail
binary=$1 version=${2#v}
[[ $version =~ ^[0-9]+\.[0-9] ]] || version=0~$version # a commit without a release
version=${version//-/.} # a "-" would begin a Debian revision
here=$(cd "$(dirname "$0")" && pwd)
arch=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
install -D -m 755 "$binary" "$stage/usr/bin/tandem"
install -D -m 644 "$here/tandem.service" "$stage/lib/systemd/system/tandem.service"
install -D -m 644 "$here/tandem-media.service" "$stage/lib/systemd/system/tandem-media.service"
install -D -m 644 "$here/tandem.yaml" "$stage/etc/tandem/tandem.yaml"
mkdir -p "$stage/DEBIAN"
echo /etc/tandem/tandem.yaml > "$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$stage/DEBIAN/$script"; done
cat > "$stage/DEBIAN/control" <<C
Package: tandem
Version: $version
Architecture: $arch
Maintainer: Tandem <tandem@localhost>
Installed-Size: $(du -sk "$stage" | cut -f1)
Depends: adduser
Recommends: libopus0
Section: comm
Priority: optional
Description: SIP server: registrar, proxy, calls to the telephone network, media relay
 Phones register with it, it leads their calls, and it reaches the telephone
 network through gateways. One binary, with its database inside.
C
mkdir -p bin
out=bin/tandem_${version}_$arch.deb
dpkg-deb --root-owner-group --build "$stage" "$out" >/dev/null
echo "$out"
