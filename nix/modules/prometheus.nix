# SPDX-License-Identifier: MIT
# Prometheus with the scrape configuration that every test machine uses.
{
  services.prometheus = {
    enable = true;
    port = 9090;
    listenAddress = "0.0.0.0";
    retentionTime = "48h";
    configText = builtins.readFile ../../pipeline/prometheus/prometheus.yml;
    # The file names others beside it; promtool would look for them in the store.
    checkConfig = "syntax-only";
  };
}
