"""Certificates that are of no use, in place of one that serves."""

import http.client
import ssl
import subprocess

from catalogue import fault
from sidecar import Sidecar
from scene import expect, until

IN_FORCE = 2.0  # seconds
FAILED = 'doorward_reloads_total{unit="certs/server.pem",result="failed"}'


class Pair:
    """The certificate and key that doorward reads, and what it shows."""

    def __init__(self, scene):
        self.scene = scene
        self.folder = scene.sidecar.folder / "certs"
        self.inside = scene.connection()
        expect("a request on a connection that stays", self.inside.status("/", scene.key), 200)

    def put(self, name, text):
        (self.folder / name).write_text(text)

    def shown(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("localhost", self.scene.address[1], context=context, timeout=10)
        connection.connect()
        try:
            return ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True)).strip()
        finally:
            connection.close()

    def goes_on(self, done):
        expect(f"{done}: the connection that was open", self.inside.status("/", self.scene.key), 200)
        self.scene.alive()


def leaf(chain):
    """The first certificate of a file of several."""
    end = "-----END CERTIFICATE-----"
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(chain[: chain.index(end) + len(end)])).strip()


@fault()
def certificate_broken(scene):
    """A key that does not match, a torn file, nothing: the old pair stays until a good one is there."""
    scene.serve()
    pair = Pair(scene)
    other = Sidecar(scene.sidecar.doorward, scene.folder / "other").folder / "certs"
    old = leaf((pair.folder / "server.pem").read_text())
    good = {name: (other / name).read_text() for name in ("server.pem", "server.key")}
    states = {
        "another key": ("server.key", good["server.key"]),
        "half a certificate": ("server.pem", good["server.pem"][:300]),
        "an empty key": ("server.key", ""),
    }
    for done, (name, text) in states.items():
        before, counted = len(scene.events("not reloaded")), scene.metric(FAILED)
        kept = (pair.folder / name).read_text()
        pair.put(name, text)
        until(f"{done}: the metric says so", scene.failing, IN_FORCE)
        expect(f"{done}: the certificate that is shown", pair.shown(), old)
        pair.goes_on(done)
        until(f"{done}: lines about it", lambda: len(scene.events("not reloaded")) == before + 1, IN_FORCE)
        expect(f"{done}: it is counted", scene.metric(FAILED) > counted, True)
        pair.put(name, kept)
        until(f"{done} undone: nothing fails any more", lambda: not scene.failing(), IN_FORCE)
    for name, text in good.items():
        pair.put(name, text)
    took = until("the new pair is shown", lambda: pair.shown() == leaf(good["server.pem"]), IN_FORCE)
    pair.goes_on("the new pair")
    until("nothing fails any more", lambda: not scene.failing(), IN_FORCE)
    return f"{len(states)} states; the good pair shown after {took:.2f} s"


@fault("faketime", "openssl")
def certificate_expired(scene):
    """It is warned of, and no reason to refuse anybody who is inside."""
    scene.serve()
    pair = Pair(scene)
    key, chain = scene.folder / "expired.key", scene.folder / "expired.pem"
    command = ["faketime", "-f", "-30d", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain]
    subprocess.run(command, check=True, capture_output=True)
    pair.put("server.key", key.read_text())
    pair.put("server.pem", chain.read_text())
    until("the log says so", lambda: bool(scene.events("expired")), IN_FORCE)
    pair.goes_on("an expired pair")
    return scene.events("expired")[0]["message"]
