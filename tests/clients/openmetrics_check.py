# SPDX-License-Identifier: MIT
"""What prometheus_client reads in the metrics of a daemon, as OpenMetrics and as text: both must be the same samples.

Usage: openmetrics_check.py OPENMETRICS TEXT   files. Prints NAME{LABELS} VALUE per sample, labels sorted.
"""
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text


def load(path, read):
    with open(path, encoding="utf-8") as file:
        return list(read(file.read()))


def samples_of(families):
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


openmetrics = load(sys.argv[1], read_openmetrics)
samples, text = samples_of(openmetrics), samples_of(load(sys.argv[2], read_text))
assert samples.keys() == text.keys(), samples.keys() ^ text.keys()
for family in openmetrics:
    assert family.documentation, f"{family.name} has no HELP"
    for unit in ("seconds", "bytes", "ratio"):
        assert not family.name.endswith("_" + unit) or family.unit == unit, f"{family.name}: unit {family.unit}"
types = {family.name: family.type for family in openmetrics}
assert types["xtcp2_tcp_rtt_seconds"] == "histogram" and types["xtcp2_build"] == "info"
assert types["xtcp2_tcp_sent_bytes"] == "counter" and types["xtcp2_tcp_sockets"] == "gauge"
for (name, labels), value in samples.items():
    print(name + "{" + ",".join(f'{key}="{text}"' for key, text in labels) + "}", f"{value:g}")
