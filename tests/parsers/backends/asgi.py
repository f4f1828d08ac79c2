"""uvicorn with the parser of choice, and an application that writes down what the parser made of each request.

  asgi.py h11|httptools RECORDS
"""

import logging
import socket
import sys

import uvicorn
from records import Records


class Complaints(logging.Handler):
    """uvicorn says what it could not parse in its log alone. That it opens no WebSockets is how it was told to be."""

    def emit(self, record):
        text = record.getMessage()
        if record.levelno >= logging.WARNING and not text.startswith(("Unsupported upgrade", "No supported WebSocket library")):
            RECORDS.error(text)


async def application(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return RECORDS.aborted(scope["method"], target(scope))
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    RECORDS.request(scope["method"], target(scope), headers, body)
    status = RECORDS.status_for(target(scope))
    answer = [(b"content-length", b"5"), (b"x-backend", b"seen")]
    await send({"type": "http.response.start", "status": status, "headers": answer})
    await send({"type": "http.response.body", "body": b"seen\n"})


def target(scope):
    query = scope["query_string"].decode("latin-1")
    return scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")


RECORDS = Records(sys.argv[2])
# Named as TCP, or asyncio leaves the answer's body waiting for an acknowledgement of its head.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
settings = uvicorn.Config(
    application, http=sys.argv[1], ws="none", lifespan="off", log_level="warning", access_log=False, timeout_keep_alive=120,
    server_header=False, date_header=False, proxy_headers=False,
)
logging.getLogger("uvicorn.error").addHandler(Complaints())
print(f"listening {listener.getsockname()[1]}", flush=True)
uvicorn.Server(settings).run(sockets=[listener])
