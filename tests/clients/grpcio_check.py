# SPDX-License-Identifier: MIT
"""Every call of the server as grpcio (the C core) makes it; messages come from server reflection.

Usage: grpcio_check.py TARGET PID RECORDS   against grpc_serve, RECORDS a poll. Prints TAP.
"""
import faulthandler
import os
import signal
import sys
import threading

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# A call that hangs says where.
faulthandler.dump_traceback_later(110, exit=True)
target, pid, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
channel = grpc.insecure_channel(target, options=[("grpc.max_send_message_length", -1)])
database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)
tests = 0


def check(ok, name):
    global tests
    tests += 1
    print(f"{'ok' if ok else 'not ok'} {tests} - grpcio: {name}", flush=True)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def method(service, name):
    """The callable of a method, of the kind that the schema says."""
    m = pool.FindServiceByName(service).methods_by_name[name]
    kind = ("stream" if m.client_streaming else "unary") + "_" + ("stream" if m.server_streaming else "unary")
    return getattr(channel, kind)(
        f"/{service}/{name}",
        request_serializer=lambda x: x.SerializeToString(),
        response_deserializer=message(m.output_type.full_name).FromString,
    )


def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code(), e.details(), e
    return grpc.StatusCode.OK, "", None


CONFIG, RECORD = "xtcp_config.v1.ConfigService", "xtcp_flat_record.v1.XTCPFlatRecordService"
get, flat, poll = method(CONFIG, "Get"), method(RECORD, "FlatRecords"), method(RECORD, "PollFlatRecords")
GetRequest, FlatRequest, PollRequest = (
    message("xtcp_config.v1.GetRequest"),
    message("xtcp_flat_record.v1.FlatRecordsRequest"),
    message("xtcp_flat_record.v1.PollFlatRecordsRequest"),
)

# Reflection
services = set(database.get_services())
check({CONFIG, RECORD, "grpc.health.v1.Health"} <= services, "reflection lists the services")
check(pool.FindMessageTypeByName("xtcp_flat_record.v1.XtcpFlatRecord").fields_by_name["tcp_info_rtt"].number == 1230,
      "reflection gives the schema of a record")

# Unary
config = get(GetRequest(), timeout=5).config
check(config.netlinkers == 4 and config.daemon_version != "", "Get")
frequency = message("xtcp_config.v1.SetPollFrequencyRequest")()
frequency.poll_frequency.seconds, frequency.poll_timeout.seconds = 20, 3
answer = method(CONFIG, "SetPollFrequency")(frequency, timeout=5).config
check((answer.poll_frequency.seconds, answer.poll_timeout.seconds) == (20, 3), "SetPollFrequency")
frequency.poll_frequency.seconds = 10**7
code, text, _ = code_of(lambda: method(CONFIG, "SetPollFrequency")(frequency, timeout=5))
check(code == grpc.StatusCode.INVALID_ARGUMENT and "poll_frequency" in text and "168h" in text,
      "a value out of range names field and limits")
code, text, _ = code_of(lambda: method(CONFIG, "SetS3Upload")(message("xtcp_config.v1.SetS3UploadRequest")(), timeout=5))
check(code == grpc.StatusCode.FAILED_PRECONDITION, "SetS3Upload needs the destination s3:")
check(len([get(GetRequest(), timeout=5) for _ in range(200)]) == 200, "200 calls one after the other")
futures = [get.future(GetRequest(), timeout=20) for _ in range(500)]
check(all(f.result().config.netlinkers == 4 for f in futures), "500 calls at once, beyond the limit of streams")

# Errors of the transport
raw = channel.unary_unary(f"/{CONFIG}/Get")
packed = grpc.insecure_channel(target, options=[("grpc.max_send_message_length", -1)], compression=grpc.Compression.Gzip)
call = packed.unary_unary(f"/{CONFIG}/SetPollFrequency", request_serializer=lambda x: x.SerializeToString(),
                          response_deserializer=message("xtcp_config.v1.SetPollFrequencyResponse").FromString)
frequency.poll_frequency.seconds, frequency.poll_timeout.seconds = 21, 3
check(call(frequency, timeout=5).config.poll_frequency.seconds == 21, "a request in gzip is read")
listen = packed.unary_stream(f"/{RECORD}/FlatRecords", request_serializer=lambda x: x.SerializeToString(),
                             response_deserializer=message("xtcp_flat_record.v1.FlatRecordsResponse").FromString)(FlatRequest())
listen.initial_metadata()
method(CONFIG, "TriggerPoll")(message("xtcp_config.v1.TriggerPollRequest")(), timeout=5)
check(sum(1 for _, r in zip(range(records), listen)) == records, "so is a stream of records that is asked for in gzip")
listen.cancel()
code, text, _ = code_of(lambda: raw(b"", timeout=5, compression=grpc.Compression.Deflate))
check(code == grpc.StatusCode.UNIMPLEMENTED, f"deflate is refused ({code.name})")
bomb = packed.unary_unary(f"/{CONFIG}/Get")
code, text, _ = code_of(lambda: bomb(b"\0" * (100 << 20), timeout=20))
check(code == grpc.StatusCode.RESOURCE_EXHAUSTED, "100 MiB in 100 KiB of gzip are refused")
rss = int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")).split()[1])
check(rss < 64 << 10, f"and not unpacked ({rss} KiB at most)")
code, text, _ = code_of(lambda: raw(b"\0" * (300 << 10), timeout=5))
check(code == grpc.StatusCode.RESOURCE_EXHAUSTED, "a message too large is refused")
code, text, _ = code_of(lambda: raw(b"\xff\xff\xff", timeout=5))
check(code == grpc.StatusCode.INTERNAL, "bytes that are no message are refused")
code, text, _ = code_of(lambda: channel.unary_unary("/no.Such/Method")(b"", timeout=5))
check(code == grpc.StatusCode.UNIMPLEMENTED and "/no.Such/Method" in text, "an unknown service")
code, text, _ = code_of(lambda: channel.unary_unary(f"/{CONFIG}/Nothing")(b"", timeout=5))
check(code == grpc.StatusCode.UNIMPLEMENTED and "Nothing" in text, "an unknown method")
code, text, _ = code_of(lambda: raw(b"", timeout=5, metadata=[("big", "x" * 7000)] * 3))
check(code == grpc.StatusCode.RESOURCE_EXHAUSTED, f"oversized header fields are refused ({code.name})")

# PollFlatRecords
requests = 3
call = poll(iter([PollRequest() for _ in range(requests)]), timeout=20)
counters = [r.xtcp_flat_record.record_counter for r in call]
check(counters == list(range(1, records + 1)) * requests, f"PollFlatRecords: {requests} requests, their polls in order")
check(call.code() == grpc.StatusCode.OK, "PollFlatRecords ends with OK after the last")
check(dict(call.trailing_metadata()).get("xtcp2-missed-records") == "0", "and tells that nothing was missed")

# FlatRecords: deadline, cancellation
trigger = method(CONFIG, "TriggerPoll")
TriggerRequest = message("xtcp_config.v1.TriggerPollRequest")
call = flat(FlatRequest(), timeout=2)
call.initial_metadata()
trigger(TriggerRequest(), timeout=5)
got = []
code, text, error = code_of(lambda: got.extend(call))
check(len(got) == records, "FlatRecords brings the records of a poll")
check(code == grpc.StatusCode.DEADLINE_EXCEEDED, "FlatRecords ends at the deadline")
call = flat(FlatRequest())
call.initial_metadata()
call.cancel()
check(code_of(lambda: list(call))[0] == grpc.StatusCode.CANCELLED, "FlatRecords can be cancelled")

# Filters: a wrong one ends the call with the place and the word.
WRONG = {
    "dprot = 443": 'filter: at 1, "dprot": is not a field; `xtcp2 fields` lists them; did you mean dport?',
    "state listen and rtt > 50": 'filter: at 24, "50": is not a time with its unit: say 50ms, 200us or 1.5s',
}
for text, why in WRONG.items():
    for name, call in (("FlatRecords", lambda: list(flat(FlatRequest(filter=text), timeout=5))),
                       ("PollFlatRecords", lambda: list(poll(iter([PollRequest(filter=text)]), timeout=5)))):
        code, said, _ = code_of(call)
        check((code, said) == (grpc.StatusCode.INVALID_ARGUMENT, why), f"{name} refuses the filter '{text}' ({code.name}: {said})")
code, said, _ = code_of(lambda: list(poll(iter([PollRequest(), PollRequest(filter="rtt >")]), timeout=20)))
check(code == grpc.StatusCode.INVALID_ARGUMENT and said.startswith("filter: at "), f"a wrong filter in a later request ends the stream ({said})")
few = list(poll(iter([PollRequest(filter="record_counter <= 7")]), timeout=20))
check(len(few) == 7, f"a good one leaves the records that it takes ({len(few)})")

# Health
health = health_pb2_grpc.HealthStub(channel)
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
check(health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == SERVING, "health of the server")
check(health.Check(health_pb2.HealthCheckRequest(service=RECORD), timeout=5).status == SERVING, "health of a service")
code, text, _ = code_of(lambda: health.Check(health_pb2.HealthCheckRequest(service="no.such"), timeout=5))
check(code == grpc.StatusCode.NOT_FOUND, "health of an unknown service")
watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=20)
seen = [next(watch).status]
os.kill(pid, signal.SIGUSR1)
seen.append(next(watch).status)
os.kill(pid, signal.SIGUSR1)
seen.append(next(watch).status)
watch.cancel()
check(seen == [SERVING, NOT_SERVING, SERVING], "Watch follows readiness")

# A reader that does not read: its window closes and it misses records; others do not notice.
POLLS = 40
slow = flat(FlatRequest())
slow.initial_metadata()
fast = poll(iter([PollRequest() for _ in range(POLLS)]), timeout=60)
count = sum(1 for _ in fast)
missed = int(dict(fast.trailing_metadata())["xtcp2-missed-records"])
check(count + missed == POLLS * records, f"beside a reader that does not read: {count} read, {missed} missed")
check(get(GetRequest(), timeout=5).config.netlinkers == 4, "nor does it delay other calls")

# The end: the stream gets what waited for it, is told what it missed, and why it ends.
got, state = [], {}


def read():
    try:
        for record in slow:
            got.append(record.xtcp_flat_record.record_counter)
    except grpc.RpcError as e:
        state["code"], state["trailers"] = e.code(), dict(e.trailing_metadata())


thread = threading.Thread(target=read)
thread.start()
before = -1
while len(got) != before:
    before = len(got)
    thread.join(0.5)
os.kill(pid, signal.SIGTERM)
thread.join(20)
missed = int(state.get("trailers", {}).get("xtcp2-missed-records", -1))
check(state.get("code") == grpc.StatusCode.UNAVAILABLE, "a stream ends with UNAVAILABLE when the server does")
check(missed > 0 and len(got) + missed == POLLS * records, f"a slow reader knows its loss: {len(got)} read, {missed} missed")
print(f"1..{tests}", flush=True)
# Without the interpreter's own end, where grpcio's threads have been seen to wait for each other.
os._exit(0)
