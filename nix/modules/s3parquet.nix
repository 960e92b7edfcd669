# SPDX-License-Identifier: MIT
# The daemon's own Parquet objects on MinIO; the check S3_PARQUET of the self-test reads them back with DuckDB.
{
  imports = [ ./minio.nix ];
  # The daemon signs with the keys of its environment.
  systemd.services.xtcp2.serviceConfig.EnvironmentFile = [ "${../../guest/store/keys.env}" ];
}
