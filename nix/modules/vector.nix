# SPDX-License-Identifier: MIT
# Records through Vector into Parquet on MinIO (pipeline/vector/vector.toml); the check PARQUET
# of the self-test reads them back with DuckDB.
{ lib, ... }:
{
  imports = [ ./minio.nix ];

  services.vector = {
    enable = true;
    settings = lib.recursiveUpdate (lib.importTOML ../../pipeline/vector/vector.toml) {
      sinks.parquet.batch_encoding.schema_file = "${../../pipeline/vector/records.schema}";
    };
  };
  systemd.services.vector = {
    before = [ "xtcp2.service" ];
    after = [ "minio.service" ];
    serviceConfig = {
      # Vector signs its requests with MinIO's keys.
      EnvironmentFile = "${../../guest/store/keys.env}";
      # The directory of its socket, removed with the service: a socket left by a crash would
      # keep the next one from binding.
      RuntimeDirectory = "vector";
    };
  };
}
