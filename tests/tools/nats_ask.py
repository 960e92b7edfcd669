#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of NATS for tests, which knows nothing of libnats.

nats_ask.py [-u USER:PASSWORD] PORT SUBJECT [TEXT]
    Sends a request and prints the answer.
nats_ask.py [-u USER:PASSWORD] PORT -stream NAME [JSON]
    Makes the stream that takes the subject xtcp.rec, with more settings if given.
nats_ask.py [-u USER:PASSWORD] PORT -read NAME
    Prints the payloads of all messages of the stream, in order.
nats_ask.py PORT -echo SUBJECT
    Answers each message to the subject with a word, until it is killed; prints READY when it does.
With NATS_TLS set, over TLS, whatever the certificate.
"""
import base64
import json
import os
import socket
import ssl
import sys


class Client:
    def __init__(self, port, user):
        s = socket.create_connection(("127.0.0.1", port), 20)
        self.file = s.makefile("rwb")
        self.file.readline()
        if os.environ.get("NATS_TLS"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            s = context.wrap_socket(s)
            self.file = s.makefile("rwb")
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
        if user:
            options["user"], options["pass"] = user.split(":", 1)
        self.send(f"CONNECT {json.dumps(options)}", "SUB answers 1")

    def send(self, *lines):
        self.file.write("".join(line + "\r\n" for line in lines).encode())
        self.file.flush()

    def publish(self, subject, reply, body):
        self.send(f"PUB {subject} {reply} {len(body.encode())}", body)

    def message(self):
        """The reply subject and the payload of the next message."""
        while True:
            words = self.file.readline().decode().split()
            if not words or words[0] == "-ERR":
                sys.exit(f"nats_ask: {' '.join(words) or 'the server is gone'}")
            if words[0] == "PING":
                self.send("PONG")
            elif words[0] in ("MSG", "HMSG"):
                body = self.file.read(int(words[-1]) + 2)[:-2]
                headers = int(words[-2]) if words[0] == "HMSG" else 0
                return (words[3] if len(words) > 4 + (words[0] == "HMSG") else None), body[headers:]

    def ask(self, subject, body):
        self.publish(subject, "answers", body)
        return self.message()[1].decode()


def make(client, name, settings):
    config = {"name": name, "subjects": ["xtcp.rec"], "storage": "file", "num_replicas": 1, "retention": "limits", **settings}
    answer = json.loads(client.ask(f"$JS.API.STREAM.CREATE.{name}", json.dumps(config)))
    if "error" in answer:
        sys.exit(f"nats_ask: {answer['error']}")


def read(client, name):
    state = json.loads(client.ask(f"$JS.API.STREAM.INFO.{name}", ""))["state"]
    for seq in range(state["first_seq"], state["last_seq"] + 1):
        answer = json.loads(client.ask(f"$JS.API.STREAM.MSG.GET.{name}", json.dumps({"seq": seq})))
        sys.stdout.buffer.write(base64.b64decode(answer["message"]["data"]))


def main():
    words = sys.argv[1:]
    user = None
    if words[0] == "-u":
        user, words = words[1], words[2:]
    client = Client(int(words[0]), user)
    what, rest = words[1], words[2:]
    if what == "-stream":
        make(client, rest[0], json.loads(rest[1]) if len(rest) > 1 else {})
    elif what == "-read":
        read(client, rest[0])
    elif what == "-echo":
        client.send(f"SUB {rest[0]} 2", "PING")
        while client.file.readline() != b"PONG\r\n":
            pass
        print("READY", flush=True)
        while True:
            reply, _ = client.message()
            if reply:
                client.publish(reply, "", "thanks")
    else:
        print(client.ask(what, rest[0] if rest else ""))


main()
