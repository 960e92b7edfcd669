#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An S3 store for tests: checks each signature (AWS Signature Version 4), and fails on demand.

s3_store.py PORT DIRECTORY [CERTIFICATE KEY]
    Keys: access "key", secret "secret". Objects become files below DIRECTORY/objects/BUCKET; the bucket is in the path, or the
    host BUCKET.localhost. With a certificate it speaks TLS. What DIRECTORY/fault holds
    happens to each PUT: "503", "404", "skew", or "cut", which closes the connection after the first bytes.
    DIRECTORY/requests has a line for each request: method, status, path, and the headers that tests look at.
"""
import hashlib
import hmac
import os
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCESS, SECRET = "key", "secret"
FAULTS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "404": (404, "NoSuchBucket", "The specified bucket does not exist"),
    "skew": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
}


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(method, path, headers, signed, scope, body_hash):
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{' '.join(headers[name].split())}" for name in signed), "", ";".join(signed), body_hash]
    )
    text = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = sign(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = ""

    def log_message(self, *_):
        pass

    def answer(self, status, code="", message=""):
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b""
        with open(f"{self.directory}/requests", "a", encoding="utf-8") as f:
            f.write(f"{self.command} {status} {self.path} {self.headers.get('x-amz-server-side-encryption', '-')}"
                    f" {self.headers.get('x-amz-security-token', '-')} {self.headers.get('host')} {self.headers.get('content-type', '-')}\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def is_signed(self, body):
        fields = dict(f.strip().split("=", 1) for f in self.headers.get("authorization", "x y=z").split(" ", 1)[1].split(","))
        access, scope = fields.get("Credential", "/").split("/", 1)
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = headers.get("x-amz-content-sha256", "")
        return (
            access == ACCESS
            and given == hashlib.sha256(body).hexdigest()
            and hmac.compare_digest(
                fields.get("Signature", ""),
                signature(self.command, self.path, headers, fields["SignedHeaders"].split(";"), scope, given),
            )
        )

    def object_path(self):
        host = self.headers["host"].split(":")[0]
        bucket = "/" + host.removesuffix(".localhost") if host.endswith(".localhost") else ""
        return f"{self.directory}/objects{bucket}{self.path.replace('%3D', '=')}"

    def do_HEAD(self):
        self.answer(200 if self.is_signed(b"") else 403)

    def do_PUT(self):
        try:
            with open(f"{self.directory}/fault", encoding="utf-8") as f:
                fault = f.read().strip()
        except FileNotFoundError:
            fault = ""
        length = int(self.headers["Content-Length"])
        if fault == "cut":
            self.rfile.read(min(length, 100))
            self.close_connection = True
            self.connection.shutdown(2)
            return
        body = self.rfile.read(length)
        if fault:
            self.answer(*FAULTS[fault])
        elif len(body) != length or not self.is_signed(body):
            self.answer(403, "SignatureDoesNotMatch", "The request signature does not match.")
        else:
            path = self.object_path()
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(body)
            self.answer(200)


Store.directory = sys.argv[2]
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Store)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
