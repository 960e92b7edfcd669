# SPDX-License-Identifier: MIT
# nix develop: what building and the rings of ci/test want that need no guest of Debian packages.
pkgs:
pkgs.mkShell {
  inputsFrom = [ pkgs.xtcp2 ];
  packages = with pkgs; [
    bats
    check-jsonschema
    cmocka
    containerd
    cpio
    cppcheck
    curl
    deadnix
    fish
    gcovr
    gdb
    git
    go
    groff
    iproute2
    jq
    kmod
    libmaxminddb
    lldpd
    llvmPackages_21.clang
    llvmPackages_21.clang-tools
    mmdebstrap
    nats-server
    netcat
    nghttp2
    nix
    nixfmt
    nixfmt-tree
    nodejs
    openssl
    procps
    prometheus
    prometheus.cli
    python3
    python3Packages.prometheus-client
    python3Packages.pyflakes
    qemu_kvm
    redis
    shellcheck
    socat
    statix
    systemd
    unixtools.column
    util-linux
    valgrind
    zsh
    zstd
  ];
  # ci/deps need install nothing.
  XTCP2_DEPS = "nix/shell.nix";
  # clang is for ci/fuzz; the rest is built by the compiler that the package is built with.
  shellHook = "export CC=gcc CXX=g++";
}
