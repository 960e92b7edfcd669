# SPDX-License-Identifier: MIT
# checks.<system>, built by `nix flake check`: the package with its unit tests, every check of
# ci/lint, bats, the Nix code, the flavors, and the lifecycle machine.
{
  lib,
  microvm,
  pkgs,
  self,
}:
let
  # A check of the text: the command runs at the top of the tree, which it may not write to.
  text =
    name: inputs: command:
    pkgs.runCommand "xtcp2-${name}" {
      nativeBuildInputs = inputs;
    } "cd ${self}; ${command}; touch $out";
  nixFiles = "$(find . -name '*.nix')";

  # A check of the built tree. ci/lint asks git for the files.
  built =
    name: inputs: command:
    pkgs.xtcp2.overrideAttrs (old: {
      pname = "xtcp2-${name}";
      src = self;
      outputs = [ "out" ];
      nativeBuildInputs = old.nativeBuildInputs ++ [ pkgs.git ] ++ inputs;
      buildInputs = old.buildInputs ++ old.checkInputs;
      doCheck = true;
      postPatch = "patchShebangs ci tests guest nix && git init -q . && git add -A";
      checkPhase = "(cd .. && BUILD=build ${command})";
      installPhase = "touch $out";
    });
  lint = name: inputs: built "lint-${name}" inputs "ci/lint ${name}";
  lifecycle = (import ../microvms { inherit lib microvm pkgs; }).lifecycle.app;
in
{
  package = pkgs.xtcp2;
  guest = pkgs.xtcp2-guest;
  layers = lint "layers" [ ];
  sizes = lint "sizes" [ ];
  shellcheck = lint "shell" [ pkgs.shellcheck ];
  clang-format = lint "format" [ pkgs.clang-tools ];
  clang-tidy = lint "tidy" [ pkgs.clang-tools ];
  bats = built "bats" [
    pkgs.bats
    pkgs.curl
    pkgs.groff
    pkgs.iproute2
    pkgs.jq
    pkgs.netcat
    pkgs.procps
    pkgs.socat
    pkgs.util-linux
  ] "nix/checks/bats.bash";

  nixfmt = text "nixfmt" [ pkgs.nixfmt ] "nixfmt --check ${nixFiles}";
  statix = text "statix" [ pkgs.statix ] "statix check .";
  deadnix = text "deadnix" [ pkgs.deadnix ] "deadnix --fail .";
  flavors = text "flavors" [
    pkgs.check-jsonschema
  ] "check-jsonschema --schemafile nix/microvms/flavors.schema.json nix/microvms/flavors.json";
}
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") {
  # With KVM where the builder has it, else slower: requiring it would make the check fail elsewhere.
  lifecycle =
    pkgs.runCommand "xtcp2-lifecycle" { }
      "HOME=$TMPDIR ${lib.getExe lifecycle} --report $out";
}
