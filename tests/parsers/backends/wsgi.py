"""gunicorn with an application that writes down the environment that it was given: `-` and `_` are one in it.

  wsgi.py RECORDS
"""

import logging
import os
import socket
import sys

from gunicorn.app.base import BaseApplication
from records import Records

RECORDS = Records(sys.argv[1])
OF_THE_BODY = {"CONTENT_LENGTH": "content-length", "CONTENT_TYPE": "content-type"}


class Complaints(logging.Handler):
    """gunicorn says what it could not parse in its log alone."""

    def emit(self, record):
        RECORDS.error(record.getMessage())


def application(environ, start_response):
    headers = [[name[5:].lower().replace("_", "-"), value] for name, value in environ.items() if name.startswith("HTTP_")]
    headers += [[header, environ[name]] for name, header in OF_THE_BODY.items() if environ.get(name)]
    method, target = environ["REQUEST_METHOD"], environ["RAW_URI"]
    try:
        body = environ["wsgi.input"].read()
    except OSError:
        RECORDS.aborted(method, target)
        raise
    if len(body) < int(environ.get("CONTENT_LENGTH") or 0):
        RECORDS.aborted(method, target)
    else:
        RECORDS.request(method, target, headers, body)
    start_response(f"{RECORDS.status_for(target)} Chosen", [("Content-Length", "5"), ("X-Backend", "seen")])
    return [b"seen\n"]


class Server(BaseApplication):
    def load_config(self):
        chosen = {
            "bind": f"fd://{listener.fileno()}", "worker_class": "gthread", "threads": 4, "keepalive": 120, "loglevel": "warning",
            "logger_class": "gunicorn.glogging.Logger", "worker_tmp_dir": os.path.dirname(sys.argv[1]), "control_socket_disable": True,
            # By default a name with `_` is dropped; an application that reads `user_id` says this.
            "header_map": "dangerous", "post_worker_init": watch,
        }
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self):
        return application


def watch(worker):
    worker.log.error_log.addHandler(Complaints(logging.WARNING))


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening {listener.getsockname()[1]}", flush=True)
Server().run()
