"""Clients that notice what happens to them: HTTP/1.1 and WebSocket over TLS."""

import base64
import http.client
import os
import socket
import ssl
import threading
import time

PATIENCE = 20.0
# What a request ends with when its connection does.
BROKEN = (OSError, http.client.HTTPException)


class Connection:
    """One connection that is kept alive as long as the other side likes."""

    def __init__(self, address, trust):
        self.http = http.client.HTTPSConnection("localhost", address[1], context=trust, timeout=PATIENCE)

    def ask(self, path="/", credential=None, method="GET", body=None):
        """Status and body."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        try:
            self.http.request(method, path, body, headers)
            answer = self.http.getresponse()
            return answer.status, answer.read()
        except BROKEN:
            self.http.close()  # the next request opens another
            raise

    def status(self, *arguments, **options):
        return self.ask(*arguments, **options)[0]

    def close(self):
        self.http.close()


class WebSocket:
    """An open WebSocket; messages are below 126 bytes."""

    def __init__(self, address, trust, credential):
        plain = socket.create_connection(address, PATIENCE)
        self.stream = trust.wrap_socket(plain, server_hostname="localhost")
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall(f"GET /ws?token={credential} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.file = self.stream.makefile("rb")
        status = self.file.readline()
        while self.file.readline() not in (b"\r\n", b""):
            pass
        if b" 101 " not in status:
            raise http.client.BadStatusLine(status.decode("latin-1"))

    def send(self, opcode, payload):
        self.stream.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload)

    def receive(self):
        """Opcode and payload of the next frame."""
        first, length = self._exactly(2)
        return first & 0x0F, self._exactly(length)

    def echo(self, text):
        self.send(1, text)
        return self.receive() == (1, text)

    def close_code(self):
        """The code of the close frame that comes, 1006 when the connection ends without, None when nothing happens."""
        try:
            while True:
                opcode, payload = self.receive()
                if opcode == 8:
                    return int.from_bytes(payload[:2], "big")
        except TimeoutError:
            return None
        except (OSError, EOFError):
            return 1006

    def _exactly(self, length):
        data = self.file.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def close(self):
        self.file.close()
        self.stream.close()


class Load:
    """Clients in threads that ask one request after the other, and what came of each."""

    def __init__(self, count, once):
        """`once(number)` returns a function that makes one request and returns its status."""
        self.ended = threading.Event()
        self.outcomes = []  # (began, ended, status or the name of what broke)
        self.threads = [threading.Thread(target=self._run, args=[once, number], daemon=True) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, once, number):
        request = once(number)
        while not self.ended.is_set():
            began = time.monotonic()
            try:
                outcome = request()
            except BROKEN as error:
                outcome = type(error).__name__
            self.outcomes.append((began, time.monotonic(), outcome))

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.outcomes


def trust(authority):
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["http/1.1"])
    return context
