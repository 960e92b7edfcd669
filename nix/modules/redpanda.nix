# SPDX-License-Identifier: MIT
# Redpanda in a container, in the place of Kafka, where the row's contents say so.
{ flavor, lib, ... }:
{
  config = lib.mkIf (lib.elem "redpanda" flavor.contents) {
    # Its image comes over the network; QEMU answers for the host's name server there.
    networking.nameservers = [ "10.0.2.3" ];
    virtualisation = {
      docker.enable = true;
      oci-containers.backend = "docker";
      oci-containers.containers.redpanda-0 = {
        image = "docker.redpanda.com/redpandadata/redpanda:v25.1.7";
        ports = [
          "19092:19092"
          "19644:9644"
          "18081:8081"
        ];
        cmd = [
          "redpanda"
          "start"
          "--mode=dev-container"
          "--smp=1"
          "--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:19092"
          "--advertise-kafka-addr=internal://redpanda-0:9092,external://localhost:19092"
          "--schema-registry-addr=0.0.0.0:8081"
        ];
      };
    };
  };
}
