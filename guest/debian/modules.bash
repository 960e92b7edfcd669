# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Kernels are unpacked, not installed: their maintainer scripts want an initramfs generator and a boot loader, and
# most of their modules stay behind. Sourced by finish, inside the guest's root, and by kernel.

# unpack_kernel PACKAGE DIR [DEBS]: downloads the package, and those that it names where the image and its modules are not
# one package (from 7.0 on), into DEBS, where they stay and need no second download, or DIR; unpacks them into DIR/kernel, leaves
# DIR/vmlinuz and DIR/vmlinux, and lists their versions in DIR/packages. Apt is the one that APT_CONFIG says; what its indexes do not name is for
# the function unindexed to download.
unpack_kernel() {
  local dir=$2 debs=${3:-$2} package packages get
  mapfile -t packages < <(apt-cache depends "$1" | awk '/Depends: <?linux-(base|binary|modules)-[0-9]/ { print $2 }')
  packages+=("$1")
  mkdir -p "$dir/kernel" "$debs"
  for package in "${packages[@]}"; do
    get=(apt-get -q download)
    [[ $package != \<* ]] || get=(unindexed)
    package=${package//[<>]/}
    [ -f "$debs/$package.deb" ] || (cd "$dir" && "${get[@]}" "$package" && mv "${package%:*}"_*.deb "$debs/$package.deb") || return
    dpkg-deb -x "$debs/$package.deb" "$dir/kernel"
    dpkg-deb -W --showformat='${Package}=${Version}\n' "$debs/$package.deb" >>"$dir/packages"
  done
  cp "$dir"/kernel/boot/vmlinuz-* "$dir/vmlinuz" 2>/dev/null || cp "$dir"/kernel/usr/lib/modules/*/vmlinuz "$dir/vmlinuz"
  uncompressed "$dir/vmlinuz" "$dir/vmlinux" || cp "$dir/vmlinuz" "$dir/vmlinux"
}

# uncompressed BZIMAGE ELF: unpacks x86's kernel, which emulation takes more than a second for, once at build time. QEMU starts one
# that has a PVH note; any other fails here. The header is that of Documentation/arch/x86/boot.rst; the last four bytes
# of what is compressed are its size, but for gzip.
uncompressed() {
  local sectors offset length command magic
  [ "$(od -An -c -j514 -N4 "$1" 2>/dev/null | tr -d ' ')" = HdrS ] || return 1
  sectors=$(od -An -tu1 -j497 -N1 "$1")
  read -r offset length < <(od -An -tu4 -j584 -N8 "$1")
  offset=$(((sectors + 1) * 512 + offset))
  magic=$(od -An -tx1 -j$offset -N4 "$1" | tr -d ' ')
  case $magic in
  02214c18) command=(lz4 -dc) ;;
  28b52ffd) command=(zstd -dcq) ;;
  fd377a58) command=(xz -dc) ;;
  1f8b*) command=(gzip -dc) length=$((length + 4)) ;;
  *) return 1 ;;
  esac
  tail -c +$((offset + 1)) "$1" | head -c $((length - 4)) | "${command[@]}" >"$2"
  readelf -nW "$2" 2>/dev/null | grep -A1 'Xen .*0x00000012' >/dev/null
}

# unsigned MODULE: cuts off the signature, whose check costs an emulated machine more than all else that loading takes. It ends
# in its length, big-endian, and a line that says so (scripts/sign-file.c).
unsigned() {
  local a b c d
  [ "$(tail -c 28 "$1" | tr -d '\0')" = '~Module signature appended~' ] || return 0
  read -r a b c d < <(tail -c 32 "$1" | od -An -tu1 -N4)
  truncate -s -$((((a * 256 + b) * 256 + c) * 256 + d + 12 + 28)) "$1"
}

# pick_modules DIR LIST ROOT: puts the modules of LIST, with what they depend on, out of DIR/kernel into the modules
# directory of ROOT (all of them) and into DIR/modules for the initramfs (all but the root ones, their load order in
# the file `order`). A module that is built in is no file. DIR/missing names those that the kernel has not: a
# kernel without a "boot" one is refused.
pick_modules() {
  local dir=$1 tree=$1/kernel root=$3 source version kind module files path link=
  mkdir -p "$dir/modules"
  : >"$dir/missing"
  [ -d "$tree/lib" ] || ln -s usr/lib "$tree/lib"
  source=$(echo "$tree"/lib/modules/*)
  version=${source##*/}
  find "$source" -name '*.ko.xz' -exec xz -d {} +
  depmod -b "$tree" "$version"
  mkdir -p "$root/usr/lib/modules/$version/kernel"
  while read -r kind module; do
    files=$(modprobe -d "$tree" -S "$version" --show-depends --ignore-install "$module" 2>&1) || {
      [ "$kind" != boot ] || { echo "FATAL: kernel $version lacks the module $module: ${files##*$'\n'}" >&2; return 1; }
      echo "$module" >>"$dir/missing"
      continue
    }
    sed -n 's/^insmod \([^ ]*\).*/\1/p' <<<"$files" | while read -r path; do
      unsigned "$path"
      install -m 644 "$path" "$root/usr/lib/modules/$version/kernel/${path##*/}"
      [ "$kind" != root ] || continue
      install -m 644 "$path" "$dir/modules/${path##*/}"
      grep -qx "${path##*/}" "$dir/modules/order" 2>/dev/null || echo "${path##*/}" >>"$dir/modules/order"
    done
  done <"$2"
  touch "$dir/modules/order" "$root/usr/lib/modules/$version/modules.order"
  cp "$source/modules.builtin" "$root/usr/lib/modules/$version/"
  # depmod looks below /lib, which a layer of a merged root has not.
  [ -e "$root/lib" ] || { ln -s usr/lib "$root/lib" && link=$root/lib; }
  depmod -b "$root" "$version"
  [ -z "$link" ] || rm "$link"
}
