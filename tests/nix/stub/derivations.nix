# SPDX-License-Identifier: MIT
# Fake derivations. Text files and scripts are real: a shell is enough to build them, so that
# what the flake generates can be read, linted and compared.
{ lib, system }:
let
  # ci/nix puts the program there.
  daemon = if builtins.pathExists ./xtcp2 then "${./xtcp2}" else "${./pkgs.nix}";

  # A builder ends in a shell builtin: Nix kills one that closes its output before it exits.
  raw =
    name: args:
    derivation (
      {
        inherit name system;
        builder = "/bin/bash";
        PATH = "/usr/bin:/bin";
      }
      // args
    );

  # The attributes that nixpkgs adds to a derivation, as far as they are used.
  dress =
    name: drv: extra:
    let
      package =
        drv
        // {
          pname = name;
          version = "99";
          meta.mainProgram = name;
          passthru = { };
          outputs = [ "out" ];
          out = package;
          dev = package;
          bin = package;
          lib = package;
          man = package;
          cc = package;
          cli = package;
          configureFlags = [ ];
          buildInputs = [ ];
          nativeBuildInputs = [ ];
          override = _: package;
          overrideAttrs = _: package;
          tests = { };
        }
        // extra;
    in
    package;

  fake =
    name:
    dress name (raw name {
      args = [
        "-c"
        "echo fake ${name} > $out"
      ];
    }) { };

  file =
    name: text: mode:
    dress name (raw (baseNameOf name) {
      inherit text;
      passAsFile = [ "text" ];
      args = [
        "-c"
        "cp $textPath $out; chmod ${mode} $out; :"
      ];
    }) { };

  bin =
    name: text:
    dress name (raw name {
      inherit text;
      passAsFile = [ "text" ];
      args = [
        "-c"
        "mkdir -p $out/bin; cp $textPath $out/bin/${name}; chmod +x $out/bin/${name}; :"
      ];
    }) { };

  runCommand =
    name: env: command:
    dress name
      (raw name (
        removeAttrs env [
          "meta"
          "passthru"
          "nativeBuildInputs"
        ]
        // {
          inherit command;
          # Forced, not used.
          inputs = map toString (env.nativeBuildInputs or [ ]);
          passAsFile = [ "command" ];
          # patchShebangs belongs to stdenv.
          args = [
            "-e"
            "-c"
            "patchShebangs() { :; }; . $commandPath"
          ];
        }
      ))
      {
        meta = {
          mainProgram = name;
        }
        // (env.meta or { });
        inherit ({ passthru = { }; } // env) passthru;
      };

  # Every attribute is forced and ends up as JSON; programs that others copy are empty files.
  mkDerivation =
    args:
    let
      attrs =
        if lib.isFunction args then lib.fix (self: args (self // { finalPackage = package; })) else args;
      name = attrs.pname or attrs.name;
      plain = lib.mapAttrs (_: value: if lib.isDerivation value then "${value}" else value) (
        removeAttrs attrs [
          "meta"
          "passthru"
        ]
      );
      flat =
        plain // lib.mapAttrs (_: map toString) (lib.filterAttrs (n: _: lib.hasSuffix "Inputs" n) attrs);
      package =
        dress name
          (raw name {
            attrs = builtins.toJSON flat;
            passAsFile = [ "attrs" ];
            args = [
              "-c"
              # The daemon that ci/nix has built, where the package is to run.
              "mkdir -p $out/bin; cp $attrsPath $out/attrs.json; for p in tcp_client tcp_server; do install $attrsPath $out/bin/$p; done; cp ${daemon} $out/bin/xtcp2; :"
            ];
          })
          (
            {
              version = "99";
              tests = attrs.passthru.tests or { };
            }
            // lib.genAttrs (attrs.outputs or [ "out" ]) (_: package)
            // attrs
            // {
              pname = name;
              overrideAttrs = f: mkDerivation (attrs // (if lib.isFunction f then f attrs else f));
            }
          );
    in
    package;
in
{
  inherit
    fake
    file
    bin
    runCommand
    mkDerivation
    ;
}
