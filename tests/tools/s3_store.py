#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An S3 store for tests: checks each signature (AWS Signature Version 4), and fails on demand.

s3_store.py PORT DIRECTORY [CERTIFICATE KEY]
    Keys: access "key", secret "secret". Objects become files below DIRECTORY/objects/BUCKET; the bucket is in the path, or the
    host BUCKET.localhost. With a certificate it speaks TLS. Parts of an upload are in DIRECTORY/uploads/ID until they are joined
    or dropped. What DIRECTORY/fault holds happens to each PUT: "503", "404", "skew", or "cut", which closes the connection after
    the first bytes; "part" is "503" for all parts after the first, "once" for one of them, and "join" fails late: an error in an
    answer that begins well. "drop" denies a DELETE. "deny TEXT" and "bad TEXT" refuse what has the text in its path, with 403 and 400.
    DIRECTORY/requests has a line for each request: method, status, path, and the headers that tests look at.
"""
import hashlib
import hmac
import os
import re
import shutil
import ssl
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote

ACCESS, SECRET = "key", "secret"
FAULTS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "404": (404, "NoSuchBucket", "The specified bucket does not exist"),
    "deny": (403, "AccessDenied", "Access Denied"),
    "bad": (400, "InvalidRequest", "This object is not taken."),
    "skew": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
}


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_query(query):
    """What the store makes of a query: decoded, encoded, sorted."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(sorted(f"{quote(unquote(name), safe='-._~')}={quote(unquote(value), safe='-._~')}" for name, _, value in pairs))


def signature(method, path, headers, signed, scope, body_hash):
    path, _, query = path.partition("?")
    canonical = "\n".join(
        [method, path, canonical_query(query), *(f"{name}:{' '.join(headers[name].split())}" for name in signed), "", ";".join(signed), body_hash]
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

    def answer(self, status, code="", message="", body="", tag=""):
        if code:
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        with open(f"{self.directory}/requests", "a", encoding="utf-8") as f:
            f.write(f"{self.command} {status} {self.path} {self.headers.get('x-amz-server-side-encryption', '-')}"
                    f" {self.headers.get('x-amz-security-token', '-')} {self.headers.get('host')} {self.headers.get('content-type', '-')}\n")
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

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
        return f"{self.directory}/objects{bucket}{self.path.partition('?')[0].replace('%3D', '=')}"

    def do_HEAD(self):
        self.answer(200 if self.is_signed(b"") else 403)

    def query(self):
        return {name: values[0] for name, values in parse_qs(self.path.partition("?")[2], keep_blank_values=True).items()}

    def fault(self):
        try:
            with open(f"{self.directory}/fault", encoding="utf-8") as f:
                return f.read().strip()
        except FileNotFoundError:
            return ""

    def do_PUT(self):
        fault, query = self.fault(), self.query()
        if fault in ("part", "once"):
            if fault == "once" and int(query.get("partNumber", 0)) > 1:
                os.unlink(f"{self.directory}/fault")
            fault = "503" if int(query.get("partNumber", 0)) > 1 else ""
        elif fault in ("join", "drop"):
            fault = ""
        elif " " in fault:
            fault, text = fault.split(" ", 1)
            fault = fault if text in self.path else ""
        length = int(self.headers["Content-Length"])
        if fault == "cut":
            self.rfile.read(min(length, 100))
            self.close_connection = True
            self.connection.shutdown(2)
            return
        body = self.rfile.read(length)
        path = f"{self.uploads()}/{query['partNumber']}" if query else self.object_path()
        if fault:
            self.answer(*FAULTS[fault])
        elif len(body) != length or not self.is_signed(body):
            self.answer(403, "SignatureDoesNotMatch", "The request signature does not match.")
        elif query and not os.path.isdir(self.uploads()):
            self.answer(404, "NoSuchUpload", "The upload does not exist.")
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(body)
            self.answer(200, tag=f'"{hashlib.md5(body).hexdigest()}"')

    def uploads(self):
        return f"{self.directory}/uploads/{self.query().get('uploadId', '').replace('/', '_')}"

    def join(self, body):
        parts = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>([^<]*)</ETag></Part>", body.decode())
        whole = []
        for number, tag in parts:
            with open(f"{self.uploads()}/{number}", "rb") as f:
                whole.append(f.read())
            if f'"{hashlib.md5(whole[-1]).hexdigest()}"' != tag:
                return self.answer(400, "InvalidPart", "A part is another one.")
        os.makedirs(os.path.dirname(self.object_path()), exist_ok=True)
        with open(self.object_path(), "wb") as f:
            f.writelines(whole)
        shutil.rmtree(self.uploads())
        return self.answer(200, body="<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.is_signed(body):
            self.answer(403, "SignatureDoesNotMatch", "The request signature does not match.")
        elif "uploads" in self.query():
            # With what a query must encode.
            name = f"{uuid.uuid4()}/+=~"
            os.makedirs(f"{self.directory}/uploads/{name.replace('/', '_')}")
            self.answer(200, body=f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>")
        elif not os.path.isdir(self.uploads()):
            self.answer(404, "NoSuchUpload", "The upload does not exist.")
        elif self.fault() == "join":
            self.answer(200, "InternalError", "Try again.")
        else:
            self.join(body)

    def do_DELETE(self):
        if not self.is_signed(b""):
            self.answer(403, "SignatureDoesNotMatch", "The request signature does not match.")
        elif self.fault() == "drop":
            self.answer(403, "AccessDenied", "Access Denied")
        elif not os.path.isdir(self.uploads()):
            self.answer(404, "NoSuchUpload", "The upload does not exist.")
        else:
            shutil.rmtree(self.uploads())
            self.answer(204)


Store.directory = sys.argv[2]
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Store)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
