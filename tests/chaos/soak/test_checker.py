"""The checker can fail: each breach, planted alone into a history and databases without one, is found as what it is."""

import copy
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.soak import checker, history
from tests.chaos.soak.evidence import Evidence

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HANDLER = "notifications.email_invitation"
LINKS = "notifications.email_magic_link"


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def invitation(number, last_name, **other):
    row = {"invitation_id": f"i{number}", "organization_id": "o", "email": f"p{number}@emplois.example", "last_name": last_name}
    return row | {"state": "pending", "account_id": None, **other}


def fact(row_id, event, aggregate_id, **payload):
    row = {"id": row_id, "message_id": f"m{row_id}", "event": event, "aggregate_id": aggregate_id, "aggregate_version": None}
    return row | {"payload": payload, "published_at": at(row_id)}


def mail(number, cause, **other):
    row = {"mail_id": f"mail{number}", "cause": cause, "template": "t", "recipient_account_id": None, "reason": None}
    return row | {"state": "sent", "queued_at": at(20), "sent_at": at(21), **other}


def done(op, kind, outcome="ok", answer=None, **facts):
    return history.Operation(op, 0, kind, facts, outcome, 200, answer or {}, 1)


@pytest.fixture
def operations():
    """Two invited and one answer lost; two links of one structure; one accepted; one list read."""
    emails = ["p1@emplois.example", "p2@emplois.example"]
    sent = [[email, f"i{number}"] for number, email in enumerate(emails, start=1)]
    third = ["p3@emplois.example", "i3"]
    return [
        done("a", "invite", answer={"sent": sent}, emails=emails),
        done("b", "invite", answer={"sent": [third]}, emails=["p3@emplois.example"]),
        done("c", "invite", outcome="info", emails=["p4@emplois.example", "p5@emplois.example"]),
        done("d", "request_link", organization_id="s"),
        done("e", "request_link", outcome="info", organization_id="s"),
        done("f", "accept", invitation_id="i3", email="p3@emplois.example", organization_id="o"),
        done("g", "list_invitations", answer={"pending": sent}),
    ]


@pytest.fixture
def evidence():
    """What is left of these operations when all went well."""
    links = [fact(number, "organizations.magic_link_requested", "s", issue=number) for number in (1, 2)]
    sent = [fact(number, "invitations.invitation_sent", f"i{number}") for number in (1, 2, 3)]
    accepted = fact(4, "invitations.invitation_accepted", "i3")
    causes = [f"{HANDLER}|m{number}" for number in (1, 2, 3)] + [f"{LINKS}|m{number}" for number in (1, 2)]
    causes.append("notifications.email_accepted_invitation|m4")
    mails = [mail(number, cause) for number, cause in enumerate(causes)]
    return Evidence(
        outbox={"invitations": [*sent, accepted], "organizations": links},
        inbox={"notifications": [dict(zip(("handler", "message_id"), cause.split("|"), strict=True)) for cause in causes]},
        invitations=[
            invitation(1, "a"),
            invitation(2, "a"),
            invitation(3, "b", state="accepted", account_id="person"),
        ],
        memberships=[
            {"organization_id": "o", "account_id": "admin", "role": "administrator", "invitation_id": None},
            {"organization_id": "o", "account_id": "person", "role": "member", "invitation_id": "i3"},
        ],
        accounts=[{"account_id": "person", "email": "p3@emplois.example", "is_confirmed": True, "join_state": None}],
        mails=mails,
        copies=Counter(row["mail_id"] for row in mails),
        queues=[("notifications.calls", 0, 1)],
    )


def found(operations, evidence):
    return {(fault.kind, fault.invariant) for fault in checker.check(operations, evidence)}


def test_finds_nothing_where_nothing_is_wrong(operations, evidence):
    assert [str(fault) for fault in checker.check(operations, evidence)] == []


def test_takes_a_maybe_that_was_done_whole(operations, evidence):
    evidence.invitations += [invitation(4, "c"), invitation(5, "c")]
    for number in (4, 5):
        row_id = number + 10
        evidence.outbox["invitations"].append(fact(row_id, "invitations.invitation_sent", f"i{number}"))
        evidence.inbox["notifications"].append({"handler": HANDLER, "message_id": f"m{row_id}"})
        evidence.mails.append(mail(row_id, f"{HANDLER}|m{row_id}"))
        evidence.copies[f"mail{row_id}"] = 1

    assert [str(fault) for fault in checker.check(operations, evidence)] == []


def test_takes_a_mail_that_came_twice_over_a_crash(operations, evidence):
    evidence.copies["mail0"] = 2
    evidence.crashes = [(at(20), at(22))]

    assert found(operations, evidence) == set()


def test_takes_an_event_that_is_set_aside_instead_of_heard_but_tells_of_it(operations, evidence):
    taken = evidence.inbox["notifications"].pop(0)
    evidence.parked["notifications"] = [{**taken, "state": "dead"}]
    evidence.copies.pop(evidence.mails.pop(0)["mail_id"])

    assert found(operations, evidence) == {("other", "I5")}


def lose_an_answered_invitation(evidence):
    del evidence.invitations[1]


def lose_an_announcement(evidence):
    del evidence.outbox["invitations"][0]


def leave_a_fact_unpublished(evidence):
    evidence.outbox["invitations"][0]["published_at"] = None


def lose_an_event(evidence):
    del evidence.inbox["notifications"][0]


def lose_a_mail(evidence):
    del evidence.mails[0]


def lose_a_mail_on_its_way(evidence):
    del evidence.copies["mail0"]


def lose_links(evidence):
    evidence.outbox["organizations"].clear()


def lose_an_admission(evidence):
    del evidence.memberships[1]


def lose_an_account(evidence):
    evidence.accounts.clear()


def lose_the_administrator(evidence):
    evidence.memberships[0]["role"] = "member"


def invite_twice(evidence):
    evidence.invitations.append(invitation(1, "a", invitation_id="i1 again"))


def announce_twice(evidence):
    evidence.outbox["invitations"].append(fact(9, "invitations.invitation_sent", "i1"))


def request_a_link_too_often(evidence):
    evidence.outbox["organizations"].append(fact(3, "organizations.magic_link_requested", "s", issue=3))


def hear_and_set_aside(evidence):
    evidence.parked["notifications"] = [{**evidence.inbox["notifications"][0], "state": "waiting"}]


def write_a_mail_twice(evidence):
    evidence.mails.append({**evidence.mails[0], "mail_id": "another"})


def deliver_twice(evidence):
    evidence.copies["mail0"] = 2


def admit_twice(evidence):
    evidence.memberships.append({**evidence.memberships[1], "account_id": "somebody else"})


def let_a_fact_overtake(evidence):
    evidence.outbox["organizations"][0]["published_at"] = at(100)


def swap_two_issues(evidence):
    first, second = evidence.outbox["organizations"]
    first["payload"], second["payload"] = second["payload"], first["payload"]


def project_an_old_version(evidence):
    evidence.outbox["invitations"][0]["aggregate_version"] = 2
    evidence.applied["notifications"] = [{"handler": "notifications.keep", "aggregate_id": "i1", "version": 1}]


def show_a_former_invitation(evidence):
    evidence.invitations[0]["state"] = "replaced"


def leave_a_message(evidence):
    evidence.queues.append(("notifications.dead", 1, 1))


def lose_a_consumer(evidence):
    evidence.queues.append(("notifications.dead", 0, 0))


def do_half_of_a_maybe(evidence):
    evidence.invitations.append(invitation(4, "c"))


def fail_a_mail(evidence):
    evidence.mails[0] |= {"state": "failed", "sent_at": None}


PLANTED = [
    (lose_an_answered_invitation, "lost", "I4"),
    (lose_an_announcement, "lost", "I4"),
    (leave_a_fact_unpublished, "lost", "I4"),
    (lose_an_event, "lost", "I5"),
    (lose_a_mail, "lost", "I7"),
    (lose_a_mail_on_its_way, "lost", "I7"),
    (lose_links, "lost", "I4"),
    (lose_an_admission, "lost", "I1"),
    (lose_an_account, "lost", "I4"),
    (lose_the_administrator, "lost", "I2"),
    (invite_twice, "doubled", "I3"),
    (invite_twice, "doubled", "I4"),
    (announce_twice, "doubled", "I4"),
    (request_a_link_too_often, "doubled", "I4"),
    (hear_and_set_aside, "doubled", "I5"),
    (write_a_mail_twice, "doubled", "I7"),
    (deliver_twice, "doubled", "I7"),
    (admit_twice, "doubled", "I1"),
    (let_a_fact_overtake, "order", "I6"),
    (swap_two_issues, "order", "I6"),
    (project_an_old_version, "order", "I6"),
    (show_a_former_invitation, "order", "own writes"),
    (leave_a_message, "other", "I11"),
    (lose_a_consumer, "other", "I11"),
    (do_half_of_a_maybe, "other", "I4"),
    (fail_a_mail, "other", "I7"),
]


@pytest.mark.parametrize(("plant", "kind", "invariant"), PLANTED)
def test_finds_one_that_is_planted(operations, evidence, plant, kind, invariant):
    planted = copy.deepcopy(evidence)

    plant(planted)

    assert (kind, invariant) in found(operations, planted)


def test_finds_a_list_that_shows_a_former_invitation(operations, evidence):
    operations[-1].answer["pending"][0][1] = "i0"

    assert ("order", "own writes") in found(operations, evidence)


@pytest.mark.parametrize(("outcome", "status"), [("fail", "409 …"), ("info", 500)])
def test_finds_an_answer_that_nothing_deserves(operations, evidence, outcome, status):
    operations[-1].outcome, operations[-1].status = outcome, status

    assert ("other", "answers") in found(operations, evidence)


class TestHistory:
    def test_keeps_what_was_told_and_what_never_was(self, tmp_path):
        kept = history.History(tmp_path / "history.jsonl")
        op, silent = kept.invoke(3, "invite", emails=["a@emplois.example"]), kept.invoke(4, "invite")
        kept.answered(op, "info", "ReadTimeout")
        kept.answered(op, "ok", 201, {"sent": []})
        kept.close()

        first, second = history.read(tmp_path / "history.jsonl")

        assert (first.op, first.client, first.outcome, first.attempts) == (op, 3, "ok", 2)
        assert (second.op, second.outcome, second.attempts, len(kept)) == (silent, "info", 0, 2)
