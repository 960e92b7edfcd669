# SPDX-License-Identifier: MIT
# Records through Vector into Parquet on MinIO (pipeline/vector/vector.toml); the check PARQUET
# of the self-test reads them back with DuckDB.
{ lib, pkgs, ... }:
let
  # A machine for one test keeps no secrets; the check knows these as well.
  credentials = pkgs.writeText "minio.env" ''
    MINIO_ROOT_USER=xtcp2
    MINIO_ROOT_PASSWORD=xtcp2-records
  '';
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
      environment = {
        AWS_ACCESS_KEY_ID = "xtcp2";
        AWS_SECRET_ACCESS_KEY = "xtcp2-records";
      };
      # Where its socket lies. Gone with the service, because a socket that a crash left would
      # keep the next one from binding.
      serviceConfig.RuntimeDirectory = "vector";
    };
    xtcp2-selftest.path = [
      pkgs.duckdb
      pkgs.getent
      pkgs.minio-client
    ];
  };
}
