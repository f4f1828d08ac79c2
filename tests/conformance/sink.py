"""A TLS server that reads and does nothing with it: what receiving costs by itself.  sink.py CERTIFICATE KEY"""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["h2"])
buffer = bytearray(65536)


def swallow(tcp):
    try:
        with context.wrap_socket(tcp, server_side=True) as tls:
            while tls.recv_into(buffer):
                pass
    except OSError:
        pass  # as the client likes


# One after the other, on one thread: processor time is that of threads which live.
with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
    print(f"ready {listener.getsockname()[1]}", flush=True)
    while True:
        swallow(listener.accept()[0])
