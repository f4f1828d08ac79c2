"""TLS as others scan it (testssl.sh, sslscan), and as nobody's library offers it any more."""

import json
import re
import subprocess
import xml.etree.ElementTree

import hello
import tools
from checks import table
from stage import Stage

PATIENCE = 900
# What testssl.sh has to say that is not of doorward's protocol or ciphers, with the reason.
OF_THE_SCENE = {
    "engine_problem": "the scanner's own OpenSSL lacks an engine",
    "cert_revocation": "an authority made for the test publishes no revocations",
    "DNS_CAArecord": "localhost has no records",
    "security_headers": "headers for pages are the backend's; what is seen here is a refusal without a body to be framed",
}
FINE = ["OK", "INFO"]
# What testssl.sh says of a look that came to nothing, as on a busy machine; it then looks again, so often at most.
UNDECIDED, MORE_SCANS = "check failed", 2
PROTOCOLS = {("ssl", "2"): "0", ("ssl", "3"): "0", ("tls", "1.0"): "0", ("tls", "1.1"): "0", ("tls", "1.2"): "1", ("tls", "1.3"): "1"}
SUITES = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
}


def run(checks, folder, options):
    openssl = tools.debian("openssl", "openssl")
    testssl, sslscan = tools.debian("testssl", "testssl.sh"), tools.debian("sslscan", "sslscan")
    with Stage(options.doorward, folder, environment={"DOORWARD_TLS_HSTS": "365d"}) as stage:
        for suite in [by_hand, lambda *known: by_openssl(*known, openssl), lambda *known: by_sslscan(*known, sslscan), lambda *known: by_testssl(*known, testssl)]:
            suite(checks, stage)
            checks.equal("an honest request after it", 200, stage.ask())
        checks.equal("doorward after the scans", "runs", stage.state())


def by_hand(checks, stage):
    def said(**offer):
        return hello.verdict(hello.answer(stage.port, hello.client_hello(**offer)))

    good = ("hello", hello.TLS_1_2, hello.GOOD_SUITE, 0)
    checks.equal("a good ClientHello of TLS 1.2", good, said())
    for name, version, alert in OLD:
        offered = said(version=version, suites=(hello.GOOD_SUITE, *hello.WEAK_SUITES.values()))
        checks.equal(f"a ClientHello of {name}", ("alert", alert), offered)
    for name, suite in hello.WEAK_SUITES.items():
        checks.equal(f"only the suite {name} ({suite:#06x})", ("alert", hello.HANDSHAKE_FAILURE), said(suites=(suite,)))
    checks.equal("weak suites before a good one", good, said(suites=(*hello.WEAK_SUITES.values(), hello.GOOD_SUITE)))
    checks.equal("compression beside none", good, said(compressions=b"\1\0"))
    checks.equal("compression alone", ("alert", hello.ILLEGAL_PARAMETER), said(compressions=b"\1"))
    checks.equal("an unknown application protocol", ("alert", hello.NO_APPLICATION_PROTOCOL), said(alpn=b"spdy/3"))
    for name, words in NOT_TLS.items():
        heard = hello.answer(stage.port, words)
        checks.equal(f"{name} on the port of TLS ({words[:40]!r}): an answer that may be taken for one", False, heard[:1] not in [b"", b"\x15"])
    print(f"by hand: {len(OLD)} old versions, {len(hello.WEAK_SUITES)} weak suites, compression, {len(NOT_TLS)} other protocols\n")


# In SSL 3.0 there are no extensions, without which the hello is not even looked at.
OLD = [
    ("SSL 3.0", hello.SSL_3, hello.HANDSHAKE_FAILURE), ("TLS 1.0", hello.TLS_1_0, hello.PROTOCOL_VERSION), ("TLS 1.1", hello.TLS_1_1, hello.PROTOCOL_VERSION),
]
NOT_TLS = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n", "HTTP/0.9": b"GET /\r\n",
    "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    "the PROXY protocol": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "SSL 2.0": bytes.fromhex("802e0100020015001000100100800700c0030080010080060040040080020080") + bytes(16),
}


def by_openssl(checks, stage, openssl):
    def client(said, *arguments):
        command = [openssl, "s_client", "-connect", f"localhost:{stage.port}", "-CAfile", stage.sidecar.ca, *arguments]
        done = subprocess.run(command, input=said, capture_output=True, text=True, errors="replace", timeout=60)
        return done.stdout + done.stderr

    again = client("R\nGET / HTTP/1.0\r\n\r\n", "-tls1_2")
    checks.equal("TLS 1.2 agreed on, and another handshake asked for", ["RENEGOTIATING"], re.findall("RENEGOTIATING", again))
    checks.equal("the answer to it", ["no renegotiation"], re.findall("no renegotiation", again)[:1])
    checks.no("HTTP answered after it", re.findall("HTTP/1.[01] .*", again))
    session, early = stage.folder / "session.pem", stage.folder / "early"
    early.write_text("GET / HTTP/1.0\r\n\r\n")
    first = client("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", "-tls1_3", "-ign_eof", "-sess_out", session)
    checks.equal("bytes that tickets allow before the handshake", {"0"}, set(re.findall(r"Max Early Data: (\d+)", first)))
    second = client("", "-tls1_3", "-sess_in", session, "-early_data", early)
    checks.equal("a session is resumed", ["Reused"], re.findall(r"^(New|Reused), TLSv1.3", second, re.M)[:1])
    checks.equal("early data", ["Early data was not sent"], re.findall(r"Early data was \w+(?: sent)?", second)[:1])
    compression = re.findall(r"^Compression: (\w+)", client("", "-tls1_2", "-comp"), re.M)
    checks.equal("compression that is agreed on", {"NONE"}, set(compression))
    print("by OpenSSL: renegotiation, early data, compression\n")


def by_sslscan(checks, stage, sslscan):
    report = stage.folder / "sslscan.xml"
    command = [sslscan, "--no-colour", f"--xml={report}", f"127.0.0.1:{stage.port}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    found = xml.etree.ElementTree.parse(report).getroot().find("ssltest")
    checks.equal("sslscan: protocols", PROTOCOLS, {(each.get("type"), each.get("version")): each.get("enabled") for each in found.iter("protocol")})
    checks.equal("sslscan: suites", SUITES, {each.get("cipher") for each in found.iter("cipher")})
    checks.equal("sslscan: strengths", set(), {each.get("strength") for each in found.iter("cipher")} - {"strong", "acceptable"})
    checks.equal("sslscan: vulnerable to Heartbleed", {"0"}, {each.get("vulnerable") for each in found.iter("heartbleed")})
    checks.equal("sslscan: renegotiation", "0", found.find("renegotiation").get("supported"))
    checks.equal("sslscan: compression", {"0"}, {each.get("supported") for each in found.iter("compression")} or {"0"})
    print(f"sslscan: {len(list(found.iter('cipher')))} suites\n")


def by_testssl(checks, stage, testssl):
    findings = scan(stage, testssl)
    for _ in range(MORE_SCANS):
        if any(UNDECIDED in each["finding"] and each["id"] not in OF_THE_SCENE for each in findings):
            findings = scan(stage, testssl)
    looked = {each["id"] for each in findings}
    checks.equal("testssl.sh: looked for these, too", set(), {"TLS1_2", "cipher_order", "secure_client_renego", "ROBOT", "LUCKY13", "HSTS_time"} - looked)
    for each in findings:
        if each["id"] not in OF_THE_SCENE:
            checks.among(f"testssl.sh: {each['id']} ({each['finding'][:80]})", FINE, each["severity"])
    severities = {severity: sum(each["severity"] == severity for each in findings) for severity in sorted({each["severity"] for each in findings})}
    set_aside = sorted(each["id"] for each in findings if each["severity"] not in FINE and each["id"] in OF_THE_SCENE)
    table(["testssl.sh says", "findings"], severities.items())
    print(f"set aside, with reasons in the suite: {' '.join(set_aside)}")


def scan(stage, testssl):
    report = stage.folder / "testssl.json"
    report.unlink(missing_ok=True)
    command = [testssl, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"]
    command += ["--add-ca", stage.sidecar.ca, "--jsonfile", report, f"localhost:{stage.port}"]
    with (stage.folder / "testssl.log").open("w") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=PATIENCE)
    return json.loads(report.read_text())
