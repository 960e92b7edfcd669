# SPDX-License-Identifier: MIT
# Fake packages.
{
  lib,
  system,
  nixosSystem,
}:
let
  names = lib.filter (line: builtins.match "[a-z].*" line != null) (
    lib.splitString "\n" (builtins.readFile ./packages)
  );

  inherit (import ./derivations.nix { inherit lib system; })
    fake
    file
    bin
    runCommand
    mkDerivation
    ;

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
