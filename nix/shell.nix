# SPDX-License-Identifier: MIT
# nix develop: what building, ci/lint and the bats tests want.
pkgs:
pkgs.mkShell {
  inputsFrom = [ pkgs.xtcp2 ];
  packages = with pkgs; [
    bats
    clang-tools
    cppcheck
    deadnix
    gdb
    iproute2
    jq
    nixfmt
    qemu_kvm
    shellcheck
    statix
  ];
}
