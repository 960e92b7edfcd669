# SPDX-License-Identifier: MIT
"""Runs SQL in the engine by itself, as a server that belongs to a cluster: one shard, which is this process.

Usage: engine.py LIBRARY DIRECTORY [parse] <statements

Statements end in a line that ends in ";". Prints their results. With parse, each is parsed and not run. The first that fails
ends the program, with its beginning and the engine's words.
"""
import ctypes
import re
import sys

CONFIG = """<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><here><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></here></remote_servers>
  <macros>
    <cluster>here</cluster><shard>1</shard><replica>one</replica>
    <kafka_brokers>127.0.0.1:9</kafka_brokers><kafka_topic>xtcp</kafka_topic><kafka_group>xtcp</kafka_group>
  </macros>
</clickhouse>
"""


class Engine:
    def __init__(self, library, directory):
        self.lib = ctypes.CDLL(library)
        self.lib.chdb_connect.restype = ctypes.POINTER(ctypes.c_void_p)
        self.lib.chdb_query_n.restype = ctypes.c_void_p
        self.lib.chdb_query_n.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        for what, kind in ("buffer", ctypes.c_void_p), ("length", ctypes.c_size_t), ("error", ctypes.c_char_p):
            function = getattr(self.lib, "chdb_result_" + what)
            function.restype, function.argtypes = kind, [ctypes.c_void_p]
        with open(directory + "/config.xml", "w", encoding="ascii") as f:
            f.write(CONFIG)
        words = ["clickhouse", f"--path={directory}/data", f"--config-file={directory}/config.xml"]
        self.lib.chdb_close_conn.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
        self.connection = self.lib.chdb_connect(len(words), (ctypes.c_char_p * len(words))(*[w.encode() for w in words]))

    def run(self, statement):
        text = statement.encode()
        result = self.lib.chdb_query_n(self.connection[0], text, len(text), b"TabSeparated", 12)
        error = self.lib.chdb_result_error(result)
        if error:
            sys.exit(f"{statement.strip()[:200]}...\n{error.decode()[:400]}")
        length = self.lib.chdb_result_length(result)
        return ctypes.string_at(self.lib.chdb_result_buffer(result), length).decode() if length else ""


    def close(self):
        """Ends the engine's threads, which must not outlive the interpreter."""
        self.lib.chdb_close_conn(self.connection)


def main():
    engine = Engine(sys.argv[1], sys.argv[2])
    parse = sys.argv[3:] == ["parse"]
    statements = [s for s in re.split(r"(?<=;)\n", sys.stdin.read()) if s.strip()]
    try:
        for s in statements:
            result = engine.run("EXPLAIN AST " + s if parse else s)
            if not parse:
                sys.stdout.write(result)
    finally:
        engine.close()
    if parse:
        print(len(statements))


main()
