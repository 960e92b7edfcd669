# SPDX-License-Identifier: MIT
# One namespace a container under load: dockerd, and containers of the image xtcp2-tcp-stress.
{
  flavor,
  lib,
  pkgs,
  ...
}:
let
  tune = flavor.tunables;
  image = pkgs.xtcp2-oci.tcp-stress;
  container = n: {
    name = "stress-${toString n}";
    value = {
      image = "${image.imageName}:${image.imageTag}";
      imageStream = image;
      pull = "never";
      environment = {
        TCP_MODE = "both";
        TCP_COUNT = toString tune.sockets_per_container;
        TCP_SLEEP = tune.tcp_client_sleep;
        TCP_PADS = toString tune.tcp_pads;
      };
    };
  };
in
{
  imports = [ ./prometheus.nix ];

  systemd.services.xtcp2-selftest.path = [ pkgs.docker ];

  virtualisation = {
    docker.enable = true;
    oci-containers.backend = "docker";
    oci-containers.containers = lib.listToAttrs (map container (lib.range 1 tune.containers));
  };
}
