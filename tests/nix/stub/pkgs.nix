# SPDX-License-Identifier: MIT
# Fake packages. Text files and scripts are real: a shell is enough to build them, so that
# what the flake generates can be read, linted and compared.
{
  lib,
  system,
  nixosSystem,
}:
let
  names = lib.filter (line: builtins.match "[a-z].*" line != null) (
    lib.splitString "\n" (builtins.readFile ./packages)
  );

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

  # .extend works by a fixed point, as in nixpkgs.
  make = overlay: lib.fix (lib.extends overlay base);
  base =
    pkgs:
    lib.genAttrs names fake
    // {
      inherit lib runCommand system;
      _type = "pkgs";
      path = ./.;
      extend = make;
      buildPackages = pkgs;
      callPackage =
        f: args:
        let
          function = if lib.isFunction f then f else import f;
          given = builtins.intersectAttrs (lib.functionArgs function) pkgs // args;
          missing = lib.filterAttrs (n: hasDefault: !hasDefault && !given ? ${n}) (lib.functionArgs function);
        in
        if missing != { } then
          throw "stub nixpkgs: no package ${toString (lib.attrNames missing)} (tests/nix/stub/packages)"
        else
          lib.makeOverridable function given;
      runCommandLocal = runCommand;
      runCommandCC = name: env: runCommand name ({ CC = "gcc"; } // env);
      runtimeShell = "/bin/bash";
      writeText = name: text: file name text "444";
      writeShellScript = name: text: file name "#!/bin/bash\n${text}" "555";
      writeShellScriptBin = name: text: bin name "#!/bin/bash\n${text}";
      writeShellApplication =
        {
          name,
          text,
          runtimeInputs ? [ ],
        }:
        bin name ''
          #!/bin/bash
          set -euo pipefail
          export PATH="${lib.makeBinPath runtimeInputs}:$PATH"
          ${text}'';
      linkFarm =
        name: entries:
        runCommand name { } (
          "mkdir -p $out\n" + lib.concatMapStrings (e: "ln -s ${e.path} $out/${e.name}\n") entries
        );
      mkShell = args: mkDerivation ({ name = "shell"; } // removeAttrs args [ "inputsFrom" ]);
      closureInfo = _: fake "closure-info";
      writeClosure = _: fake "closure";
      formats.json = _: {
        type = lib.types.anything;
        generate = name: value: file name (builtins.toJSON value) "444";
      };
      dockerTools = {
        caCertificates = fake "ca-certificates";
        streamLayeredImage =
          args:
          mkDerivation (
            removeAttrs args [ "config" ]
            // {
              pname = args.name;
              config = builtins.toJSON args.config;
            }
          )
          // {
            imageName = args.name;
            imageTag = args.tag;
          };
      };
      # Prints its arguments, one per line.
      qemu_kvm = bin "qemu-system-x86_64" "#!/bin/sh\nprintf '%s\\n' \"$@\"\n";
      qemu_test = pkgs.qemu_kvm;
      llvmPackages = lib.genAttrs [ "clang-unwrapped" ] fake;
      llvmPackages_21 = lib.genAttrs [ "clang" "clang-tools" ] fake;
      python3Packages = lib.genAttrs [
        "prometheus-client"
        "pyflakes"
      ] fake;
      unixtools = lib.genAttrs [ "column" ] fake;
      mesonEmulatorHook = fake "meson-emulator-hook";
      # Nodes as NixOS systems; the script as it is.
      testers.runNixOSTest =
        test:
        runCommand "vm-test-run-${test.name}" {
          nativeBuildInputs = lib.mapAttrsToList (
            _: node:
            (nixosSystem {
              modules = [
                node
                { nixpkgs.pkgs = pkgs; }
              ];
            }).config.system.build.toplevel
          ) test.nodes;
          inherit (test) testScript meta;
        } "echo \"$testScript\" > $out";
      grafanaPlugins = lib.genAttrs [ "grafana-clickhouse-datasource" ] fake;
      linux = fake "linux" // {
        version = "6.18";
        target = "bzImage";
      };
      linuxPackages.kernel = pkgs.linux;
      stdenv =
        lib.genAttrs [ "hostPlatform" "buildPlatform" "targetPlatform" ] (_: lib.systems.elaborate system)
        // {
          inherit mkDerivation;
          cc = fake "gcc";
        };
    };
in
make (_: _: { })
