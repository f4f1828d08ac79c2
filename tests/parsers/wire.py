"""TLS whose records and segments are ours to choose."""

import socket
import ssl

PATIENCE = 20  # seconds, for anything that should happen at once


class Tls:
    """A connection. What is written together is one record; its bytes travel in segments of the size that is asked for."""

    def __init__(self, stage, profile="generic", protocol="http/1.1"):
        context = stage.contexts[profile]
        context.set_alpn_protocols([protocol])
        self.arriving, self.leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.arriving, self.leaving, server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", stage.ports[profile]), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._driven(self.tls.do_handshake)
        if self.tls.selected_alpn_protocol() != protocol:
            raise RuntimeError(f"{protocol} is not spoken")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def write(self, data, segment=None):
        """Sends it; a peer that has gone is for the reader to notice."""
        self.tls.write(data)
        sealed = self.leaving.read()
        size = segment or len(sealed)
        try:
            for at in range(0, len(sealed), size):
                self.socket.sendall(sealed[at : at + size])
        except OSError:
            pass

    def read(self):
        """Some bytes; none at the end, whichever way it came."""
        try:
            return self._driven(lambda: self.tls.read(65536))
        except TimeoutError:
            raise
        except (OSError, ssl.SSLError):
            return b""

    def _driven(self, action):
        while True:
            try:
                done = action()
                self._flush()
                return done
            except ssl.SSLWantReadError:
                self._flush()
                received = self.socket.recv(65536)
                self.arriving.write(received) if received else self.arriving.write_eof()

    def _flush(self):
        if waiting := self.leaving.read():
            self.socket.sendall(waiting)
