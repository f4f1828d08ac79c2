"""Sends every case before a backend, and asks of each what must hold of all."""

import dataclasses

import cases.framing
import cases.http2
import cases.identity
import cases.paths
import http1
import http2
import invariants
from stage import say_to_backend

CASES = [*cases.identity.CASES, *cases.paths.CASES, *cases.framing.CASES, *cases.http2.CASES]


def run(stage, report):
    """Every case, and behind each another user's clean request on whatever the case left."""
    say_to_backend(stage, stage.kind.malformed)
    # What could not be noticed would prove nothing.
    noticed = any("error" in record for record in stage.news())
    report("the backend tells of what it cannot parse", [] if noticed else ["it said nothing"], stage.kind.malformed)
    for number, case in enumerate(CASES):
        case = filled(case, stage)
        heard = send(case, stage)
        target = f"/?clean={number}"
        answer = http1.ask(stage, target, stage.words["bob" if case.profile == "generic" else "cat-bob"], case.profile)
        wrong = after(case, heard, stage.news(), target, answer, stage.secrets)
        report(f"{case.id} {case.protocol} {case.name}", wrong, case.sent)


def filled(case, stage):
    """With this run's credentials, and an HTTP/1.1 client's text as bytes."""
    if case.protocol == "h1":
        return dataclasses.replace(case, sent=stage.fill(case.sent))
    fields = [(name, stage.fill(value).decode("latin-1")) for name, value in case.sent.fields]
    return dataclasses.replace(case, sent=dataclasses.replace(case.sent, fields=fields))


def send(case, stage):
    key = stage.words[case.key]
    if case.protocol == "h2":
        return http2.converse(stage, case.sent, key, case.profile)
    if case.leaves:
        return http1.leave(stage, [case.sent], case.profile)
    return http1.converse(stage, [case.sent], key, case.profile)


def after(case, heard, records, target, answer, secrets):
    """What is wrong with a case and with the clean request behind it."""
    clean = [record for record in records if record.get("target") == target]
    wrong = invariants.of_case(case, heard, [record for record in records if record not in clean], secrets)
    if answer is None or answer.status != 200 or len(clean) != 1:
        wrong.append(f"the clean request was answered {answer and answer.status} and came {len(clean)} times")
    for record in clean:
        wrong += invariants.of_request(record, "bob", secrets)
    return wrong
