# SPDX-License-Identifier: MIT
# checks.<system>, built by `nix flake check`: the package with its unit tests, ci/lint, bats, the Nix code, the flavors, and the lifecycle machine.
{
  lib,
  microvm,
  pkgs,
  self,
}:
let
  inherit (pkgs) git;
  # The release whose output the tree was made with: the next one formats otherwise.
  inherit (pkgs.llvmPackages_21) clang-tools;

  # A check of the text, in a copy of the tree that git knows: ci/lint asks it for the files.
  text =
    name: description: inputs: command:
    pkgs.runCommand "xtcp2-${name}"
      {
        nativeBuildInputs = [ git ] ++ inputs;
        meta = { inherit description; };
      }
      "cp -r ${self} tree; chmod -R u+w tree; cd tree; patchShebangs ci; git init -q; git add -A; ${command}; touch $out";

  # A check of the built tree.
  built =
    name: description: inputs: command:
    pkgs.xtcp2.overrideAttrs (old: {
      pname = "xtcp2-${name}";
      src = self;
      outputs = [ "out" ];
      nativeBuildInputs = old.nativeBuildInputs ++ [ git ] ++ inputs;
      buildInputs = old.buildInputs ++ old.checkInputs;
      doCheck = true;
      postPatch = "patchShebangs ci tests guest nix && git init -q . && git add -A";
      checkPhase = "(cd .. && BUILD=build ${command})";
      installPhase = "touch $out";
      meta = old.meta // {
        inherit description;
      };
    });
  lifecycle = (import ../microvms { inherit lib microvm pkgs; }).lifecycle.app;
in
{
  inherit (pkgs.xtcp2.tests) host;
  package = pkgs.xtcp2;
  guest = pkgs.xtcp2-guest;
  lint = text "lint" "Layers, sizes, formatting and shell scripts, by ci/lint" [
    clang-tools
    pkgs.shellcheck
  ] "ci/lint layers sizes format shell";
  clang-tidy = built "clang-tidy" "clang-tidy of the whole tree" [ clang-tools ] "ci/lint tidy";
  bats = built "bats" "Tests of the programs in namespaces of their own" [
    pkgs.bats
    pkgs.curl
    pkgs.fish
    pkgs.groff
    pkgs.iproute2
    pkgs.jq
    pkgs.netcat
    pkgs.openssl
    pkgs.procps
    pkgs.socat
    pkgs.unixtools.column
    pkgs.util-linux
    pkgs.zsh
    pkgs.zstd
  ] "nix/checks/bats.bash";

  nixfmt = text "nixfmt" "Formatting of the Nix files" [
    pkgs.nixfmt
  ] "git ls-files -z '*.nix' | xargs -0 nixfmt --check";
  statix = text "statix" "Idioms of the Nix files" [ pkgs.statix ] "statix check .";
  deadnix = text "deadnix" "Unused names of the Nix files" [ pkgs.deadnix ] "deadnix --fail .";
  flavors = text "flavors" "The table of test machines against its schema" [
    pkgs.check-jsonschema
  ] "check-jsonschema --schemafile nix/microvms/flavors.schema.json nix/microvms/flavors.json";
}
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") {
  # With KVM where the builder has it, else slower: requiring it would make the check fail elsewhere.
  lifecycle = pkgs.runCommand "xtcp2-lifecycle" {
    meta.description = "The lifecycle machine, which tests itself";
  } "HOME=$TMPDIR ${lib.getExe lifecycle} --report $out";
}
