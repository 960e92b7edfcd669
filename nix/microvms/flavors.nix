# SPDX-License-Identifier: MIT
# The rows of flavors.json that are machines of NixOS.
{ lib }: lib.filter (flavor: flavor.only or "nix" == "nix") (lib.importJSON ./flavors.json).flavors
