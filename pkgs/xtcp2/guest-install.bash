# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Run by guest.nix: installs the files of guest/ below $out as guest/debian/image does below /.
# shellcheck disable=SC2154 # attributes of the derivation: src, out, xtcp2, flavors, agetty, monitor
lib=$out/lib/xtcp2 units=$out/lib/systemd/system

mkdir -p "$lib" "$units"
cp -r "$src"/{self-test,soak,tcp-stress,pipeline,guest-setup,guest-selftest,store} "$lib/"
cp -r "$src"/systemd/. "$units/"
chmod -R u+w "$out"
cp "$monitor" "$lib/pipeline/monitor.sql"
bash "$src/flavor-files" "$flavors" "$lib/flavors"
find "$xtcp2/bin" -type f -perm -u+x | LC_ALL=C sort >"$lib/binaries"
find "$lib" "$units" -type f -exec sed -i "s,/usr/lib/xtcp2,$lib,g; s,/sbin/agetty,$agetty,g" {} +
patchShebangs "$lib"
