# SPDX-License-Identifier: MIT
"""Calls every method once with grpcio and prints "Method STATUS", one per line, then the first refusal's text.

Usage: grpcio_access.py TARGET [token=TEXT] [ca=FILE [cert=FILE key=FILE]] [name=HOST] [uid=N gid=N[,N...]]
TARGET is HOST:PORT or unix:/path; with ca= the connection is TLS. With uid= and gid= it is made as that user.
"""
import faulthandler
import os
import sys

import grpc

# A call that hangs says where.
faulthandler.dump_traceback_later(50, exit=True)
target, settings = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])


def content(key):
    if key not in settings:
        return None
    with open(settings[key], "rb") as f:
        return f.read()


if "ca" in settings:
    options = [("grpc.ssl_target_name_override", settings["name"])] if "name" in settings else []
    credentials = grpc.ssl_channel_credentials(content("ca"), content("key"), content("cert"))
    channel = grpc.secure_channel(target, credentials, options)
else:
    channel = grpc.insecure_channel(target)
# Before the first call, which is what connects; after the channel, which is what imports.
if "uid" in settings:
    groups = [int(gid) for gid in settings["gid"].split(",")]
    os.setgroups(groups[1:])
    os.setgid(groups[0])
    os.setuid(int(settings["uid"]))
metadata = [("authorization", f"Bearer {settings['token']}")] if "token" in settings else []

CONFIG, RECORD = "/xtcp_config.v1.ConfigService/", "/xtcp_flat_record.v1.XTCPFlatRecordService/"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
LIST_SERVICES = b"\x3a\x00"


def unary(path):
    channel.unary_unary(path)(b"", timeout=10, metadata=metadata)


def listen(path):
    call = channel.unary_stream(path)(b"", timeout=10, metadata=metadata)
    call.initial_metadata()
    if call.cancel():
        return
    list(call)


def exchange(path, request=b""):
    call = channel.stream_stream(path)(iter([request]), timeout=10, metadata=metadata)
    list(call)


first = ""
for path, make in [
    (CONFIG + "Get", unary),
    (RECORD + "FlatRecords", listen),
    ("/grpc.health.v1.Health/Check", unary),
    ("/grpc.health.v1.Health/Watch", listen),
    (REFLECTION, lambda path: exchange(path, LIST_SERVICES)),
    (CONFIG + "Set", unary),
    (CONFIG + "SetPollFrequency", unary),
    (CONFIG + "TriggerPoll", unary),
    (CONFIG + "TriggerPollBurst", unary),
    (CONFIG + "SetS3Upload", unary),
    (RECORD + "PollFlatRecords", exchange),
]:
    try:
        make(path)
        code = "OK"
    except grpc.RpcError as error:
        code = error.code().name
        if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE"):
            first = first or error.details()
    print(path.rsplit("/", 1)[1], code)
print(first, flush=True)
channel.close()
# Without the interpreter's own end: grpcio's threads, changed in credentials, have been seen to wait there for each other.
os._exit(0)
