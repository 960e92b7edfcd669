# SPDX-License-Identifier: MIT
# What the build and the unit tests read, so that text elsewhere in the tree rebuilds nothing.
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
