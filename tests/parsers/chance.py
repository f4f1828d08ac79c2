"""Requests made by chance of what parsers have stumbled over. Whatever doorward forwards is one proper request to two strict parsers,
and it accepts nothing that the stricter of them, as a server, would not."""

import random
import re
import select

import http1
import invariants
import second_parsers
from wire import Tls

STARTS = ["GET /r HTTP/1.1\r\n", "POST /r?a=b HTTP/1.1\r\n", "PUT /r%20s HTTP/1.1\r\n", "OPTIONS /r HTTP/1.1\r\n", "DELETE /r HTTP/1.1\r\n"]
ODD_STARTS = ["HEAD /r HTTP/1.1\r\n", "GET /r HTTP/1.0\r\n", "GET https://localhost/r HTTP/1.1\r\n", "GET /r#f HTTP/1.1\r\n", "get /r HTTP/1.1\r\n",
              "GET  /r HTTP/1.1\r\n",
              "GET /r HTTP/1.1 \r\n", "GET /r\tHTTP/1.1\r\n", "GET /r HTTP/1.1\n", "GET r HTTP/1.1\r\n", "GET ?r HTTP/1.1\r\n",
              "GET /r\u00e9 HTTP/1.1\r\n", "GET /%00 HTTP/1.1\r\n",
              "PRI * HTTP/2.0\r\n", "OPTIONS * HTTP/1.1\r\n", "G@T /r HTTP/1.1\r\n", "GET /r HTTP/1.2\r\n", "\r\nGET /r HTTP/1.1\r\n",
              "GET /r?token=x&b HTTP/1.1\r\n"]
KEY = "X-API-Key: {alice}\r\n"
NEEDED = ["Host: localhost\r\n", KEY]
FRAMES = [["Content-Length: 5\r\n", "hello"], ["Content-Length: 0\r\n"], ["Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", "0\r\n\r\n"],
          ["Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n", "0\r\n", "user_id: evil\r\n\r\n"],
          ["Content-Length: 30\r\n", "GET /hidden HTTP/1.1\r\nX: hello"]]
LINES = [
    "Content-Length: 2\r\n", "Content-Length: 5\r\n", "content-length: 0\r\n", "Content-Length: +5\r\n", "Content-Length: 5, 5\r\n",
    "Content-Length: 005\r\n", "Content-Length:\r\n",
    "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: \tchunked \r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer_Encoding: chunked\r\n", "Transfer-Encoding\x0b: chunked\r\n", "TE: trailers\r\n", "Trailer: user_id\r\n", "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Host: localhost\r\n", "Host: evil\r\n", "Host:localhost\r\n", "Connection: close\r\n", "Connection: keep-alive, user_id\r\n",
    "Connection: user_id, x-a\r\n", "Keep-Alive: 5\r\n",
    "Upgrade: h2c\r\n", "Upgrade: websocket\r\n", "Connection: upgrade\r\n", "user_id: evil\r\n", "User-Id: evil\r\n", "user.id: evil\r\n",
    "USER_ID : evil\r\n", "X-A: 1\r\n", "X-A:2\r\n",
    "X B: 1\r\n", "X-A: \u00e9\r\n", "X-A: a\x01b\r\n", "X-A: a\rb\r\n", "X-A: a\nuser_id: evil\r\n", "X-A: a\n", " folded\r\n",
    "\tuser_id: evil\r\n", ": 1\r\n", "X-A\r\n", "X-A: \0\r\n",
    "Cookie: a=1\r\n", "Cookie: b=2\r\n", "X-Forwarded-For: 6.6.6.6\r\n", "Authorization: Bearer x\r\n", KEY, "X-API-Key: x\r\n",
]
RESTS = ["\r\n", "\n", "\r", "0\r\n\r\n", "0\r\n", "5\r\nhello\r\n", "5\nhello\n", "5 \r\nhello\r\n", "a\r\n", "FFFFFFFFFFFFFFFFF\r\n",
         "0x5\r\nhello\r\n", "user_id: evil\r\n\r\n", "hello", "ok", "\0",
         "GET /r HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /r HTTP/1.1\r\nHost: localhost\r\n" + KEY + "\r\n"]
# As often as a whole run must at least see it, of a hundred.
SEEN_AT_LEAST = {"accepted": 20, "refused": 20}


def pieces(chance):
    """Mostly a proper request with something odd in it, else anything."""
    if chance.random() < 0.1:
        return chance.choices([*STARTS, *LINES, *RESTS, "\r\n"], k=chance.randrange(1, 9))
    start = chance.choice(STARTS if chance.random() < 0.8 else ODD_STARTS)
    lines = [line for line in NEEDED if chance.random() < 0.97]
    lines += chance.choices(LINES, k=chance.choice([0, 0, 1, 1, 2, 3]))
    frame, *body = chance.choice(FRAMES) if chance.random() < 0.6 else [""]
    chance.shuffle(lines)
    rest = body + chance.choices(RESTS, k=chance.choice([0, 0, 0, 1, 2]))
    return [piece for piece in [start, *lines, frame, "\r\n", *rest] if piece]


class Trial:
    """Sends requests one after the other before one backend; another user's connection says when all is through."""

    def __init__(self, stage):
        self.stage = stage
        self.other, self.clean = Tls(stage), 0
        self.answers_to_other = http1.Reader(self.other)
        self.counts = {"accepted": 0, "refused": 0, "unfinished": 0}

    def close(self):
        self.other.socket.close()

    def wrong(self, text):
        """What is wrong with what came of these bytes."""
        case = self.stage.fill(text)
        data = case + http1.proper("GET", http1.LAST_TARGET, self.stage.words["alice"])
        reading = second_parsers.by_h11(data)
        answers, records, wrong = self.send(data, reading.behind == "more")
        if len([record for record in records if "method" in record]) > len([answer for answer in answers if answer.by_backend]):
            # The answer may have been on its way when we left.
            answers, records, wrong = self.send(data, False)
        final = [answer for answer in answers if answer.status >= 200]
        self.counts["accepted" if any(answer.by_backend for answer in final[:1]) else "refused" if final else "unfinished"] += 1
        return wrong + self.of_records(final, records) + self.of_subset(final, records, reading, data)

    def send(self, data, leaves):
        """The answers, and what the backend had from this and the clean request behind it."""
        answers, wrong = [], []
        with Tls(self.stage) as connection:
            connection.write(data)
            reader = http1.Reader(connection)
            if leaves:
                wrong += self.clean_request()
                leaves = not select.select([connection.socket], [], [], 0)[0]
            connection.socket.settimeout(2)
            methods = iter([data.split(b" ")[0]])
            try:
                while not leaves and (answer := reader.answer(next(methods, b"GET"))):
                    answers.append(answer)
            except TimeoutError:
                pass
        wrong += self.clean_request()
        records = [record for record in self.stage.news() if not record.get("target", "").startswith("/?clean")]
        return answers, records, wrong

    def clean_request(self):
        self.clean += 1
        target = f"/?clean={self.clean}"
        self.other.write(http1.proper("GET", target, self.stage.words["bob"]).replace(b"Connection: close\r\n", b""))
        answer = self.answers_to_other.answer()
        return [] if answer and answer.status == 200 else [f"the clean request was answered {answer}"]

    def of_records(self, final, records):
        wrong = [f"the backend complained: {record['error']}" for record in records if "error" in record]
        requests = [record for record in records if "method" in record]
        accepted = [answer for answer in final if answer.by_backend]
        if len(requests) != len(accepted):
            wrong.append(f"{len(requests)} requests at the backend, {len(accepted)} answered by it")
        for record in requests:
            wrong += invariants.of_request(record, "alice", self.stage.secrets)
            raw = record["raw"].encode("latin-1")
            known = record["method"].encode() in second_parsers.KNOWN_TO_HTTPTOOLS
            for parser in [second_parsers.by_h11, second_parsers.by_httptools][: 2 if known else 1]:
                reading = parser(raw)
                if len(reading.requests) != 1 or reading.behind not in ["end", "closed"]:
                    wrong.append(f"{parser.__name__} reads {reading} in {raw!r}")
        return wrong

    @staticmethod
    def of_subset(final, records, reading, data):
        """Whatever doorward accepts, h11 as a server accepts, with the same meaning."""
        wrong, arrived = [], iter([record for record in records if "method" in record])
        for number, answer in enumerate(final):
            if not answer.by_backend or (record := next(arrived, None)) is None:
                continue
            if number >= len(reading.requests) or (theirs := reading.requests[number]).refused:
                if not differs(data, final[number + 1 :]):
                    wrong.append(f"answer {number + 1} is {answer.status}, but h11 takes {len(reading.requests)}, then {reading.behind} {reading.reason}")
                break
            ours = (record["method"], without_token(record["target"]), record["length"])
            expected = (theirs.method.decode(), without_token(theirs.target.decode("latin-1")), len(theirs.body))
            if ours != expected:
                wrong.append(f"request {number + 1} is {ours}, to h11 {expected}")
        return wrong


# What doorward takes and h11 does not, and why nothing comes of it; the backend sees one proper request all the same.
DIFFERENCES = [
    # Chunks overrule a length (RFC 9112 §6.3), whatever it says, and the connection ends with that answer: see `differs`.
    ("ends", rb"(?i)transfer-encoding: *\t?chunked.*content-length|content-length.*transfer-encoding: *\t?chunked"),
    # Lengths are compared as numbers: 005 is 5, and so it is forwarded.
    ("goes on", rb"(?i)content-length: 00"),
]


def differs(data, later):
    return any(re.search(pattern, data, re.DOTALL) and not (connection == "ends" and later) for connection, pattern in DIFFERENCES)


def without_token(target):
    """As it is forwarded: without origin and fragment, which are the client's own, and without the credential's parameter."""
    target = re.sub(r"^https://localhost", "", target.partition("#")[0])
    return re.sub(r"\?(?=$)", "", re.sub(r"(?<=[?&])token=[^&]*&?", "", target))


def smallest(trial, made):
    """The pieces without which nothing goes wrong."""
    at = 0
    while at < len(made):
        fewer = made[:at] + made[at + 1 :]
        if fewer and trial.wrong("".join(fewer)):
            made = fewer
        else:
            at += 1
    return made


def run(stage, count, seed, report):
    chance, trial = random.Random(seed), Trial(stage)
    try:
        for number in range(count):
            made = pieces(chance)
            wrong = trial.wrong("".join(made))
            if wrong:
                made = smallest(trial, made)
                wrong = trial.wrong("".join(made)) or wrong
            report(f"request {number} of seed {seed}", wrong, made)
    finally:
        trial.close()
    for outcome, percent in SEEN_AT_LEAST.items():
        seen = trial.counts[outcome]
        report(f"enough were {outcome}", [] if seen * 100 >= percent * count else [f"{seen} of {count}"])
    print("  " + ", ".join(f"{number} {outcome}" for outcome, number in trial.counts.items()), flush=True)
