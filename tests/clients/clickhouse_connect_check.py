# SPDX-License-Identifier: MIT
"""clickhouse-connect, the driver for Python, against xtcp2-clickhouse.

Usage: clickhouse_connect_check.py PORT PASSWORD   Prints TAP. The table t (a Int32, b String) is there and empty.
"""
import sys

import clickhouse_connect

port, password = int(sys.argv[1]), sys.argv[2]
tests = failures = 0


def check(name, function):
    global tests, failures
    tests += 1
    try:
        function()
        print(f"ok {tests} - {name}", flush=True)
    except Exception as error:
        failures += 1
        print(f"not ok {tests} - {name}: {error!r}", flush=True)


def round_trip(client):
    rows = [[i, "x" * (i % 50)] for i in range(50000)]
    client.insert("t", rows, column_names=["a", "b"])
    found = client.query("SELECT a, b FROM t ORDER BY a").result_rows
    assert [list(row) for row in found] == rows, f"{len(found)} rows"
    client.command("TRUNCATE TABLE t")


def exception(client):
    try:
        client.query("SELECT nothing_of_this_name")
    except clickhouse_connect.driver.exceptions.DatabaseError as error:
        assert "UNKNOWN_IDENTIFIER" in str(error), error
    else:
        raise AssertionError("no error")


def select(client):
    rows = client.query("SELECT number, toString(number), [number] FROM numbers(100000)").result_rows
    assert len(rows) == 100000 and rows[-1] == (99999, "99999", [99999]), rows[-1]


# By default it compresses what it inserts by LZ4, as a content coding, which is not there.
for compress in (True, "gzip", False):
    connection = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="default", password=password, compress=compress
    )
    check(f"compress={compress}: rows out", lambda: select(connection))
    check(f"compress={compress}: an exception", lambda: exception(connection))
    if compress is not True:
        check(f"compress={compress}: rows in and out", lambda: round_trip(connection))
print(f"1..{tests}")
sys.exit(failures > 0)
