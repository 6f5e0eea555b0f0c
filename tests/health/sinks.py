"""Local sinks for alerts: a webhook and a mail server that keep what they get."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebhookSink:
    """Keeps the messages that arrive; answers what `statuses` says, then 200.

    `taken` is called once a message is here and not yet answered.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/services/T000/secret-of-the-hook"
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.taken: Callable[[], None] = lambda: None

    def events(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return kind, objective and subjects of every message that was taken."""
        said = [each["metadata"]["event_payload"] for each in self.messages]
        return [(each["kind"], each["objective"], tuple(each["subjects"])) for each in said]


@contextmanager
def webhook_sink() -> Iterator[WebhookSink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = sink.statuses.pop(0) if sink.statuses else 200
            if status == 200:
                sink.messages.append(json.loads(body))
                sink.headers.append(dict(self.headers))
            sink.taken()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink = WebhookSink(server.server_address[1])
    with _serving(server):
        yield sink


class MailSink:
    """Keeps the mails that arrive; refuses recipients where it is told to."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[Message] = []
        self.refuse = b""


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 sink\r\n")
            for line in self.rfile:
                word = line.strip().upper()
                if word.startswith(b"RCPT") and sink.refuse:
                    self.wfile.write(sink.refuse + b"\r\n")
                elif word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    for part in self.rfile:
                        if part == b".\r\n":
                            break
                        lines.append(part)
                    sink.mails.append(message_from_bytes(b"".join(lines), policy=default))
                    self.wfile.write(b"250 taken\r\n")
                elif word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink = MailSink(server.server_address[1])
    with _serving(server):
        yield sink


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
