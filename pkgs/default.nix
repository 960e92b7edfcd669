# SPDX-License-Identifier: MIT
# The overlay: what this tree adds to nixpkgs.
final: _prev: {
  xtcp2 = final.callPackage ./xtcp2/package.nix { };
  xtcp2-coverage = final.callPackage ./xtcp2/coverage.nix { };
  xtcp2-guest = final.callPackage ./xtcp2/guest.nix { };
  xtcp2-oci = final.lib.recurseIntoAttrs (final.callPackage ./xtcp2/oci.nix { });
}
