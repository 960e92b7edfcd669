# SPDX-License-Identifier: MIT
# The object store of test machines: MinIO with the bucket xtcp2, and what the checks read it with.
{ pkgs, ... }:
{
  services.minio = {
    enable = true;
    rootCredentialsFile = "${../../guest/store/keys.env}";
    dataDir = [ "/var/lib/minio/data" ];
  };
  # A folder of the data directory is a bucket.
  systemd.tmpfiles.rules = [ "d /var/lib/minio/data/xtcp2 0750 minio minio" ];
  systemd.services = {
    minio.before = [ "xtcp2.service" ];
    xtcp2-selftest.path = [
      pkgs.curl
      pkgs.duckdb
      pkgs.getent
    ];
  };
}
