# SPDX-License-Identifier: MIT
# The files that the build and the unit tests read, so that a change of other files causes no rebuild.
lib:
lib.fileset.toSource {
  root = ../..;
  fileset = lib.fileset.unions [
    ../../data
    ../../guest/kernel-append
    ../../meson.build
    ../../meson_options.txt
    ../../nix/microvms/flavors.json
    ../../pipeline
    ../../proto
    ../../src
    ../../tests
  ];
}
