"""An HTTP/2 client that says what it is told, right or wrong, over TLS; and hears everything."""

import select
import socket
import ssl
import struct
import time

import hpack
import hyperframe.frame as h2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 10
# A record holds no more, and a write of it does not block for long.
PORTION = 16384
HEADERS, DATA, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 1, 0, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED = 1, 4, 8


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """The bytes of a frame of any kind, honest in its length or not."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    codes = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "list": 6}
    return b"".join(struct.pack(">HI", codes[name], value) for name, value in values.items())


class Peer:
    """One connection. `heard` is every frame that came, in order."""

    def __init__(self, port, **values):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        tcp = socket.create_connection(("127.0.0.1", port), PATIENCE)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(tcp, server_hostname="localhost")
        if self.tls.selected_alpn_protocol() != "h2":
            raise ConnectionError("HTTP/2 was not agreed on")
        self.tls.setblocking(False)
        self.heard, self.rest, self.sent, self.asked, self.ended = [], b"", 0, 0, False
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.statuses, self.deaf = {}, False
        # What was sent in which portions, for whoever wants to send the same elsewhere.
        self.portions = []
        self.say(PREFACE + frame(SETTINGS, payload=settings(**values)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def block(self, fields, **options):
        return self.encoder.encode(fields, **options)

    def say(self, data, patience=PATIENCE):
        """Sends, and listens meanwhile: whoever floods must not be stopped by answers that wait. Whether all was taken."""
        view, deadline = memoryview(data), time.monotonic() + patience
        while view and not self.ended and time.monotonic() < deadline:
            self.listen(0)
            try:
                done = self.tls.send(view[:PORTION])
                self.portions.append(bytes(view[:done]))
                view, self.sent = view[done:], self.sent + done
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.tls], [self.tls], [], 0.1)
            except OSError:
                self.listen(0)
                self.ended = True
        return not view

    def listen(self, patience):
        """Takes what has come, or waits once for something to come."""
        if self.deaf:
            return
        try:
            if patience and not self.tls.pending():
                select.select([self.tls], [], [], patience)
            while data := self.tls.recv(65536):
                self.take(data)
            self.ended = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.ended = True

    def deafen(self):
        """Takes nothing any more, and leaves little room for it to wait."""
        self.deaf = True
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def until_gone(self, patience):
        """Whether the server ends the connection in time. Behind what is never taken the end itself may not be seen from here."""
        poll, deadline = select.poll(), time.monotonic() + patience
        poll.register(self.tls, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        while not self.ended and time.monotonic() < deadline:
            if poll.poll(100) or self.is_let_go():
                return True
        return self.ended

    def is_let_go(self):
        """Whether no process holds the server's end any more: the kernel then says that it has no inode."""
        server, client = (f":{name[1]:04X}" for name in (self.tls.getpeername(), self.tls.getsockname()))
        with open("/proc/net/tcp") as table:
            ends = [line.split() for line in table]
        return all(end[9] == "0" for end in ends if end[1].endswith(server) and end[2].endswith(client))

    def take(self, data):
        self.rest += data
        while len(self.rest) >= 9:
            head, length = h2.Frame.parse_frame_header(memoryview(self.rest[:9]))
            if len(self.rest) < 9 + length:
                return
            head.parse_body(memoryview(self.rest[9 : 9 + length]))
            self.rest = self.rest[9 + length :]
            self.heard.append(head)
            if isinstance(head, (h2.HeadersFrame, h2.ContinuationFrame)):
                # Our settings let no answer of these tests need a second frame.
                fields = dict(self.decoder.decode(head.data))
                self.statuses.setdefault(head.stream_id, int(fields[":status"]) if ":status" in fields else None)

    def until(self, found, patience=PATIENCE):
        """The first truth that `found` returns, or None when the connection or the patience ends before it."""
        deadline = time.monotonic() + patience
        while True:
            if result := found():
                return result
            if self.ended or (left := deadline - time.monotonic()) <= 0:
                return None
            self.listen(left)

    def close_code(self):
        """Of the last GOAWAY that is not NO_ERROR."""
        codes = [said.error_code for said in self.heard if isinstance(said, h2.GoAwayFrame) and said.error_code]
        return codes[-1] if codes else None

    def resets(self):
        return {said.stream_id: said.error_code for said in self.heard if isinstance(said, h2.RstStreamFrame)}

    def verdict(self, stream):
        """What became of a stream: `("status", 400)`, `("RST_STREAM", 1)` or `("GOAWAY", 1)`."""
        if (code := self.close_code()) is not None:
            return ("GOAWAY", code)
        if stream in self.statuses:
            return ("status", self.statuses[stream])
        return ("RST_STREAM", self.resets()[stream]) if stream in self.resets() else None

    def await_verdict(self, stream, patience=PATIENCE):
        if verdict := self.until(lambda: self.verdict(stream), patience):
            return verdict
        return ("end of connection",) if self.ended else ("nothing",)

    def is_answering(self, patience=PATIENCE):
        """Whether a PING comes back: all before it was taken in, and the connection lives."""
        self.asked += 1
        marker = struct.pack(">Q", self.asked)
        self.say(frame(PING, payload=marker), patience)
        return bool(self.until(lambda: any(isinstance(said, h2.PingFrame) and said.opaque_data == marker for said in self.heard), patience))
