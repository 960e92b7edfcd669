# SPDX-License-Identifier: MIT
# The real library, for evaluators of any age.
(import ./lib).extend (import ./fileset.nix)
