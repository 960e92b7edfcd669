# SPDX-License-Identifier: MIT
# OCI images, each a script that writes a tar archive: $(nix build .#oci-xtcp2 --print-out-paths) | docker load
{
  dockerTools,
  lib,
  runCommandCC,
  xtcp2,
}:
let
  # Only these two programs, what starts them, and what they link: the daemon stays outside.
  tools = runCommandCC "xtcp2-tcp-tools" { } ''
    install -D -t $out/bin ${xtcp2}/bin/tcp_client ${xtcp2}/bin/tcp_server
    $CC -std=gnu11 -O2 -D_GNU_SOURCE -o $out/bin/entrypoint ${../../guest/tcp-stress/entrypoint.c}
  '';
in
{
  # Wants the host's namespaces: docker run --pid host --cap-add SYS_ADMIN --cap-add SYS_PTRACE
  # (Docker's own list has what it takes to give up root)
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

  # A population of connections in a namespace of its own (guest/tcp-stress/entrypoint.c).
  tcp-stress = dockerTools.streamLayeredImage {
    name = "xtcp2-tcp-stress";
    tag = xtcp2.version;
    contents = [ tools ];
    config.Entrypoint = [ "/bin/entrypoint" ];
  };
}
