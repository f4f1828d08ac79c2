"""A ClientHello of any age, and the first that the server says to it. No library offers any more what should be refused."""

import os
import socket
import struct

PATIENCE = 10
HANDSHAKE, ALERT = 22, 21
SERVER_HELLO = 2
SSL_3, TLS_1_0, TLS_1_1, TLS_1_2 = 0x0300, 0x0301, 0x0302, 0x0303
# Of RFC 8446 section 6 and RFC 7301.
PROTOCOL_VERSION, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, NO_APPLICATION_PROTOCOL = 70, 40, 47, 120
GOOD_SUITE = 0xC02B
WEAK_SUITES = {
    "NULL": 0x0001, "EXPORT RC4": 0x0003, "RC4 MD5": 0x0004, "RC4": 0x0005, "IDEA": 0x0007, "DES": 0x0009, "3DES": 0x000A,
    "RSA, AES-128 CBC": 0x002F, "RSA, AES-256 CBC": 0x0035, "RSA, AES-128 GCM": 0x009C, "anonymous DH": 0x0034, "anonymous ECDH": 0xC018,
    "DHE-RSA, AES-128 CBC": 0x0033, "DHE-RSA, AES-128 GCM": 0x009E, "ECDH-ECDSA, AES-128 GCM": 0xC02D, "ECDHE-ECDSA, RC4": 0xC007,
    "ECDHE-ECDSA, 3DES": 0xC008, "ECDHE-ECDSA, AES-128 CBC SHA": 0xC009, "ECDHE-ECDSA, AES-128 CBC SHA256": 0xC023,
    "ECDHE-RSA, AES-128 CBC SHA": 0xC013, "ECDHE-ECDSA, AES-128 CCM 8": 0xC0AE, "PSK, AES-128 CBC": 0x008C, "SRP": 0xC01D,
}


def vector(data, width):
    """Its length in so many bytes, and itself (RFC 8446 section 3.4)."""
    return len(data).to_bytes(width, "big") + data


def extension(kind, data):
    return struct.pack(">H", kind) + vector(data, 2)


def numbers(*values):
    return b"".join(struct.pack(">H", value) for value in values)


def client_hello(version=TLS_1_2, suites=(GOOD_SUITE,), compressions=b"\0", alpn=b"http/1.1"):
    names = extension(0, vector(b"\0" + vector(b"localhost", 2), 2))
    groups = extension(10, vector(numbers(29, 23, 24), 2)) + extension(11, vector(b"\0", 1))
    signatures = extension(13, vector(numbers(0x0403, 0x0503, 0x0804, 0x0401, 0x0203, 0x0201), 2))
    extensions = names + groups + signatures + extension(16, vector(vector(alpn, 1), 2)) + extension(0xFF01, b"\0")
    body = numbers(version) + os.urandom(32) + vector(b"", 1) + vector(numbers(*suites), 2) + vector(compressions, 1)
    body += vector(extensions, 2) if version > SSL_3 else b""
    return bytes([HANDSHAKE]) + numbers(min(version, TLS_1_0)) + vector(b"\1" + vector(body, 3), 2)


def answer(port, said):
    """All that the server says to these bytes before it ends the connection or waits."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as tcp:
        tcp.sendall(said)
        tcp.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while piece := tcp.recv(65536):
                heard += piece
        except OSError:
            pass  # a reset says nothing either
        return heard


def verdict(heard):
    """`("alert", 70)`, `("hello", version, suite, compression)` or what it was instead."""
    if len(heard) >= 7 and heard[0] == ALERT:
        return ("alert", heard[6])
    if len(heard) >= 46 and heard[0] == HANDSHAKE and heard[5] == SERVER_HELLO:
        after = 44 + heard[43]
        suite, compression = struct.unpack(">HB", heard[after : after + 3])
        return ("hello", struct.unpack(">H", heard[9:11])[0], suite, compression)
    return ("bytes", heard[:40])
