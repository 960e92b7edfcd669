# SPDX-License-Identifier: MIT
# OCI images, each a script that writes a tar archive: $(nix build .#oci-xtcp2 --print-out-paths) | docker load
{
  busybox,
  dockerTools,
  lib,
  runCommand,
  xtcp2,
}:
let
  # Only these two programs and what they link: the daemon stays outside.
  tools = runCommand "xtcp2-tcp-tools" { } ''
    install -D -t $out/bin ${xtcp2}/bin/tcp_client ${xtcp2}/bin/tcp_server
  '';
in
{
  # Wants the host's namespaces: docker run --pid host --cap-add SYS_ADMIN --cap-add SYS_PTRACE
  # -v /run/netns:/run/netns:ro,rslave -v /run/docker/netns:/run/docker/netns:ro,rslave
  xtcp2 = dockerTools.streamLayeredImage {
    name = "xtcp2";
    tag = xtcp2.version;
    contents = [ dockerTools.caCertificates ];
    config = {
      Entrypoint = [ (lib.getExe xtcp2) ];
      ExposedPorts = {
        "8889/tcp" = { };
        "9088/tcp" = { };
      };
    };
  };

  # A population of connections in a namespace of its own (guest/tcp-stress/entrypoint).
  tcp-stress = dockerTools.streamLayeredImage {
    name = "xtcp2-tcp-stress";
    tag = xtcp2.version;
    contents = [
      busybox
      tools
    ];
    config.Entrypoint = [
      "/bin/sh"
      "${../../guest/tcp-stress/entrypoint}"
    ];
    config.Env = [ "PATH=/bin" ];
  };
}
