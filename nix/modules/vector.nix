# SPDX-License-Identifier: MIT
# Records through Vector into Parquet on MinIO (pipeline/vector/vector.toml); the check PARQUET
# of the self-test reads them back with DuckDB.
{ lib, pkgs, ... }:
let
  # The credentials of MinIO, with which Vector and the check sign their requests.
  credentials = "${../../guest/vector/minio.env}";
in
{
  services.minio = {
    enable = true;
    rootCredentialsFile = credentials;
    dataDir = [ "/var/lib/minio/data" ];
  };
  # A folder of the data directory is a bucket.
  systemd.tmpfiles.rules = [ "d /var/lib/minio/data/xtcp2 0750 minio minio" ];

  services.vector = {
    enable = true;
    settings = lib.recursiveUpdate (lib.importTOML ../../pipeline/vector/vector.toml) {
      sinks.parquet.batch_encoding.schema_file = "${../../pipeline/vector/records.schema}";
    };
  };
  systemd.services = {
    vector = {
      before = [ "xtcp2.service" ];
      after = [ "minio.service" ];
      serviceConfig = {
        EnvironmentFile = credentials;
        # The directory of its socket, removed with the service: a socket left by a crash would
        # keep the next one from binding.
        RuntimeDirectory = "vector";
      };
    };
    xtcp2-selftest.path = [
      pkgs.curl
      pkgs.duckdb
      pkgs.getent
    ];
  };
}
