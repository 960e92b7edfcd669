# SPDX-License-Identifier: MIT
# nix develop: what building and the rings of ci/test want (`ci/test` asks for no package there is).
pkgs:
pkgs.mkShell {
  inputsFrom = [ pkgs.xtcp2 ];
  packages = with pkgs; [
    bats
    check-jsonschema
    cmocka
    cpio
    cppcheck
    curl
    deadnix
    gcovr
    gdb
    git
    go
    groff
    iproute2
    jq
    kmod
    llvmPackages_21.clang
    llvmPackages_21.clang-tools
    mmdebstrap
    netcat
    nghttp2
    nixfmt
    nixfmt-tree
    nodejs
    openssl
    procps
    prometheus
    python3
    qemu_kvm
    shellcheck
    socat
    statix
    unixtools.column
    util-linux
    valgrind
  ];
  # clang is for ci/fuzz; the rest is built by the compiler that the package is built with.
  shellHook = "export CC=gcc CXX=g++";
}
