"""A CloudWatch that takes PutMetricData in the AWS JSON 1.0 protocol, signed requests alone, or refuses it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_ACTION = "GraniteServiceVersion20100801.PutMetricData"


class CloudWatch:
    """Keeps what it was sent. `refusals`: HTTP status and error code of the next answers, in order."""

    def __init__(self) -> None:
        self.puts: list[dict[str, Any]] = []
        self.refusals: list[tuple[int, str]] = []
        self.asked = 0

    def answer(self, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the body."""
        self.asked += 1
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, {"__type": f"com.amazon.cloudwatch#{code}", "message": "not now"}
        if not headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential="):
            return 403, {"__type": "com.amazon.cloudwatch#MissingAuthenticationToken"}
        if headers.get("X-Amz-Target") != _ACTION or headers.get("Content-Type") != "application/x-amz-json-1.0":
            return 400, {"__type": "com.amazon.cloudwatch#UnknownOperationException"}
        self.puts.append(json.loads(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body))
        return 200, {}

    def values(self) -> dict[str, float]:
        """The values of the last request by their metric."""
        return {data["MetricName"]: data["Value"] for data in self.puts[-1]["MetricData"]}


@contextmanager
def serving(cloudwatch: CloudWatch) -> Iterator[str]:
    """Its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = cloudwatch.answer(self.headers, body)
            encoded = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
