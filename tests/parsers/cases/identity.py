"""Who somebody says to be, in every spelling and channel, and where credentials go."""

from cases import both, h1, h2, raw

BEARER = ("Authorization", "Bearer {alice-token}")
SPELLINGS = ["user_id", "user-id", "User_Id", "USER-ID", "uSeR-iD", "USER_ID", "user.id", "User.ID"]
OTHERS = ["X-User-Id", "X_User_Id", "X-User", "X-Remote-User", "Remote_User", "Remote-User", "X-Auth-Request-User", "X-WEBAUTH-USER", "X-Authenticated-User"]
FORWARDED = [
    ("X-Forwarded-For", "6.6.6.6"), ("X_Forwarded_For", "6.6.6.6"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http"),
    ("x_forwarded_proto", "http"), ("X-Forwarded-Uri", "/status"), ("X-Forwarded-User", "evil"), ("X-Forwarded-Prefix", "/x"),
    ("X-Forwarded-Anything", "x"), ("Forwarded", "for=6.6.6.6;host=evil"), ("X-Real-IP", "6.6.6.6"), ("X-Original-URL", "/status"),
    ("X-Rewrite-URL", "/status"), ("X-HTTP-Method-Override", "DELETE"), ("X_HTTP_Method_Override", "DELETE"), ("X-Request-Id", "evil"),
]
NOMINATED = ["user_id", "User-Id", "x-forwarded-for", "authorization", "x-request-id", "x-api-key", "host", "x-forwarded-proto", "x-forwarded-host"]
TRAILERS = ["user_id: evil", "User-Id: evil", "Authorization: Bearer x", "Content-Length: 3", "X-Forwarded-For: 6.6.6.6", "X-Own: 1", "Host: evil"]
            

def handshake(id, name, target, expected, lines="", credential="", **more):
    """A proper request for a WebSocket."""
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    return h1(id, name, upgrade + lines, expected, target=target, credential=credential, **more)


CASES = [
    *both("identity", "a token, and another's name beside it", [("user_id", "evil")], credential=BEARER),
    *both("identity", "a key, and another's name beside it", [("user_id", "evil")]),
    *both("identity", "three names in mixed case", [("user_id", "e1"), ("User_ID", "e2"), ("USER_ID", "e3")], credential=BEARER),
    *[case for name in SPELLINGS for case in both("identity", f"spelt {name}", [(name, "evil")])],
    *[case for name in OTHERS for case in both("identity", f"as {name}", [(name, "evil")], nominated=(name,))],
    *both("identity", "all spellings at once", [(name, f"e{number}") for number, name in enumerate(SPELLINGS)]),
    *both("identity", "an empty name", [("user_id", ""), ("user-id", "")]),
    *both("identity", "the verified name, again", [("user_id", "alice"), ("user-id", "alice")]),
    *[h1("identity", f"Connection: close, {name}", f"Connection: close, {name}\r\n", "200 end") for name in NOMINATED],
    *[h1("identity", f"Connection: {name}", f"Connection: {name}\r\nX-Own: kept\r\n", "200 last", arrives={"x-own": ["kept"]}) for name in NOMINATED],
    h1("identity", "nominated headers of the client's own", "Connection: x-b, X-C\r\nConnection: x-d\r\nX-B: 1\r\nX-C: 2\r\nX-D: 3\r\nX-E: 4\r\n", "200 last",
       nominated=("x-b", "x-c", "x-d"), arrives={"x-e": ["4"]}),
    h1("identity", "a nominated length", "Connection: content-length\r\nContent-Length: 2\r\n", ("200 last", "400 end"), method="POST", rest="hi", body=b"hi"),
    h1("identity", "a nominated coding", "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", ("200 last", "400 end"), method="POST",
       rest="2\r\nhi\r\n0\r\n\r\n", body=b"hi"),
    handshake("identity", "a WebSocket that nominates the identity", "/case", "200 last", "Connection: upgrade, user_id, x-forwarded-for\r\nuser_id: evil\r\n",
              credential="X-API-Key: {alice}\r\n"),
    *[h1("identity", f"one hop's own {name}", f"{name}: {value}\r\n", "200 last", nominated=(name,)) for name, value in
      [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("Proxy-Authorization", "Basic eDp4"), ("TE", "trailers"), ("Trailer", "x"),
       ("Keep_Alive", "timeout=5"), ("Proxy_Connection", "close"), ("Upgrade", "foo"), ("HTTP2-Settings", "AAMAAABk"), ("HTTP2_Settings", "AAMAAABk")]],
    *[h1("identity", f"trailer {line}", f"Transfer-Encoding: chunked\r\nTrailer: {line.split(':')[0]}\r\n", "200 last", method="POST",
         rest=f"2\r\nhi\r\n0\r\n{line}\r\n\r\n", body=b"hi") for line in TRAILERS],
    h1("identity", "a trailer that nobody announced", "Transfer-Encoding: chunked\r\n", "200 last", method="POST",
        rest="2\r\nhi\r\n0\r\nuser_id: evil\r\n\r\n", body=b"hi"),
    *[h2("identity", f"trailer {line}", [], "200 last", method="POST", data=[b"hi"], trailers=[tuple(line.lower().split(": "))], body=b"hi")
      for line in TRAILERS if "Content-Length" not in line],
    *[case for name, value in FORWARDED for case in both("identity", f"{name}: {value}", [(name, value)])],
    *both("identity", "all of them", FORWARDED),
    raw("identity", "the Cat's cookie of somebody else", "GET / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {cat-alice}\r\nCookie: ccat_user_token={cat-bob}; a=1\r\n\r\n",
        "200 last", profile="cat", targets=("/",), arrives={"cookie": ["a=1"]}),
    raw("identity", "the Cat's cookie in a line of its own", "GET / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {cat-alice}\r\nCookie: a=1\r\n"
        "Cookie: ccat_user_token={cat-bob}\r\nCookie: b=2\r\n\r\n", "200 last", profile="cat", targets=("/",), arrives={"cookie": ["a=1; b=2"]}),
    h2("identity", "the Cat's cookie in crumbs", [("cookie", "ccat_user_token={cat-bob}"), ("cookie", "a=1")], "200 last", target="/", profile="cat",
       credential=[("x-api-key", "{cat-alice}")], arrives={"cookie": ["a=1"]}),
    *both("credential", "the same token twice", [BEARER], "400 last", credential=BEARER),
    *both("credential", "good, then bad", [("Authorization", "Bearer bad")], "400 last", credential=BEARER),
    *both("credential", "bad, then good", [BEARER], "400 last", credential=("Authorization", "Bearer bad")),
    *both("credential", "two users", [("Authorization", "Bearer {bob-token}")], "400 last", credential=BEARER),
    *both("credential", "two users in two headers", [("X-API-Key", "{bob}")], "400 last", credential=BEARER),
    *both("credential", "two keys", [("X-API-Key", "{bob}")], "400 last"),
    handshake("credential", "two tokens in the query", "/case?token={alice-token}&token={bob-token}", "400 last"),
    *[handshake("credential", f"no token: {query}", f"/case?{query}", "401 last") for query in
      ["Token={alice-token}", "token[]={alice-token}", "TOKEN={alice-token}", "token", "token="]],
    handshake("credential", "a token behind a semicolon", "/case?x;token={alice-token}", "200 last", targets=("/case?x",)),
    handshake("credential", "two tokens about a semicolon", "/case?token={alice-token};token={bob-token}", "400 last"),
    handshake("credential", "a token by another spelling", "/case?%74oken={alice-token}&x=1", "200 last", targets=("/case?x=1",)),
    handshake("credential", "the same token in two spellings", "/case?%74oken={alice-token}&token={alice-token}", "200 last", targets=("/case",)),
    handshake("credential", "the rest of the query stays", "/case?x=1&token={alice-token}&y=%20+z", "200 last", targets=("/case?x=1&y=%20+z",)),
    handshake("credential", "odd parameters stay", "/case?&&a&=b&token={alice-token}&c==", "200 last", targets=("/case?&&a&=b&c==",)),
    h1("credential", "a token's parameter beside a key", "", "200 last", target="/case?a=1&token={alice-token}&b", targets=("/case?a=1&b",)),
    h2("credential", "a token's parameter beside a key", [], "200 last", target="/case?a=1&%74oken={alice-token}&b", targets=("/case?a=1&b",)),
    *both("credential", "bearer", [], credential=BEARER),
    *both("credential", "bearer in another case", [], credential=("authorization", "bEARER {alice-token}")),
    *both("credential", "a key as bearer", [], credential=("Authorization", "Bearer {alice}")),
    *both("credential", "the same key in two headers", [("Authorization", "Bearer {alice}")]),
    *both("credential", "spellings of carriers", [("X_API_Key", "{bob}"), ("Access_Token", "{bob}"), ("access-token", "{bob}"), ("api_key", "{bob}"),
                                          ("Proxy_Authorization", "{bob}")]),
    handshake("credential", "a token as subprotocol", "/case", "200 last", "Sec-WebSocket-Protocol: bearer, {alice-token}\r\n"),
    *both("credential", "none", [], "401 last", credential=None),
    *both("credential", "none, and a name", [("user_id", "alice")], "401 last", credential=None),
    h1("request", "a good request, then one without credential", "", "200 401 last", rest="GET /two HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    h1("request", "one without credential, then a good one", "", "401 200 last", credential="",
        rest="GET /case HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {alice}\r\n\r\n"),
    h1("request", "a body, then one without credential", "Content-Length: 2\r\n", "200 401 last", method="POST", body=b"hi",
       rest="hiGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n"),
]
