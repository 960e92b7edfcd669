# SPDX-License-Identifier: MIT
"""Compares a Parquet file, as a reader has it, with the jsonl of the same records, value for value.

Usage: parquet_check.py pyarrow|duckdb FILE.parquet FILE.jsonl
       parquet_check.py clickhouse ANSWER.jsonl FILE.jsonl    the answer of the engine, bytes in hexadecimal
       parquet_check.py statistics FILE.parquet FILE.jsonl    min, max and nulls of each column chunk
Prints the number of values that were compared; differences go to stderr and end it with 1.
"""
import json
import socket
import sys

TIME = "timestamp_ns"
TEXTS = "_text"
reader, path, expected = sys.argv[1:]


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text).hex()


def plain(value):
    return value.hex() if isinstance(value, (bytes, bytearray)) else value


def pyarrow_rows():
    import pyarrow.parquet
    table = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()
    kinds = {"uint32", "uint64", "string", "binary", "timestamp[ns, tz=UTC]"}
    odd = {f.name: str(f.type) for f in table.schema if str(f.type) not in kinds or not f.nullable}
    if odd or str(table.schema.field(TIME).type) != "timestamp[ns, tz=UTC]":
        sys.exit(f"types: {odd}")
    columns = [table[TIME].cast("int64") if n == TIME else table[n] for n in table.column_names]
    lists = [c.to_pylist() for c in columns]
    return [dict(zip(table.column_names, map(plain, row))) for row in zip(*lists)]


def duckdb_rows():
    import duckdb
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    # A time has nanoseconds in the file and microseconds in Python.
    got = con.execute(f"SELECT * REPLACE (epoch_ns({TIME}) AS {TIME}) FROM read_parquet(?)", [path])
    names = [d[0] for d in got.description]
    return [dict(zip(names, map(plain, row))) for row in got.fetchall()]


def clickhouse_rows():
    with open(path) as f:
        return [{n: v.lower() if n in BYTES and v else v for n, v in json.loads(line).items()} for line in f]


with open(expected) as f:
    records = [json.loads(line) for line in f]
ADDRESSES = {"inet_diag_msg_socket_source", "inet_diag_msg_socket_destination"}
BYTES = ADDRESSES | {"tcp_info_tail"}
STATES = {"inet_diag_msg_state", "tcp_info_state"}
NAMES = ("UNKNOWN ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING "
         "NEW_SYN_RECV BOUND_INACTIVE").split()
CONTROLS = ("UNSPECIFIED", "CUBIC", "DCTCP", "VEGAS", "PRAGUE", "BBR1", "BBR2", "BBR3")


def wanted(record, column):
    """The value of a column, from the JSON object."""
    if column.endswith(TEXTS) and column not in record:
        return record.get(column[:-len(TEXTS)])
    value = record.get(column)
    if value is None:
        return None
    if column in ADDRESSES:
        return address(value)
    if column in STATES:
        return NAMES.index(value)
    if column == "congestion_algorithm_enum":
        return CONTROLS.index(value.replace("CONGESTION_ALGORITHM_", ""))
    return value


def compare():
    rows = {"pyarrow": pyarrow_rows, "duckdb": duckdb_rows, "clickhouse": clickhouse_rows}[reader]()
    if len(rows) != len(records):
        sys.exit(f"{reader}: {len(rows)} rows, {len(records)} records")
    compared = bad = 0
    for i, (row, record) in enumerate(zip(rows, records)):
        missing = set(record) - set(row)
        if missing:
            sys.exit(f"{reader}: no column {missing}")
        for column, value in row.items():
            compared += 1
            if value != wanted(record, column):
                bad += 1
                if bad < 10:
                    print(f"{reader}: row {i} {column}: {value!r}, jsonl {wanted(record, column)!r}", file=sys.stderr)
    print(compared)
    sys.exit(bad > 0)


def statistics():
    import pyarrow.parquet
    meta = pyarrow.parquet.ParquetFile(path).metadata
    compared = bad = start = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        part = records[start:start + group.num_rows]
        start += group.num_rows
        for c in range(group.num_columns):
            chunk = group.column(c)
            name, stats = chunk.path_in_schema, chunk.statistics
            values = [v for v in (wanted(r, name) for r in part) if v is not None]
            same = chunk.has_offset_index and stats.null_count == len(part) - len(values)
            if values and name != TIME:
                low, high = plain(stats.min), plain(stats.max)
                same = same and low <= min(values) and high >= max(values)
                if not isinstance(values[0], str):
                    same = same and (low, high) == (min(values), max(values))
            compared += 1
            bad += not same
            if not same:
                print(f"row group {g} {name}: {stats}", file=sys.stderr)
    print(compared)
    sys.exit(bad > 0 or start != len(records))


statistics() if reader == "statistics" else compare()
