"""Whether anything was lost, doubled, or came in a wrong order: the clients' history against what is left.

Pure functions of plain values. What a client was told (`ok`) must be there, once; what it was refused (`fail`) must not; what it
was not told (`info`) may be there, whole and once.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from contracts import catalogue

LOST, DOUBLED, ORDER, OTHER = "lost", "doubled", "order", "other"
FINAL = {"sent", "cancelled"}  # `failed` is final too, but nothing in these runs deserves it.
VOID = {
    "LinkIsOver",
    "MagicLinkIsOver",
    "InvitationIsOver",
}  # Why a mail may be dropped here: another replaced it, or it was used.


@dataclass(frozen=True)
class Fault:
    """One breach of one invariant."""

    kind: str
    invariant: str
    about: str

    def __str__(self):
        return f"{self.invariant} {self.kind}: {self.about}"


def check(operations, evidence):
    """Every breach."""
    return [fault for look in CHECKS for fault in look(operations, evidence)]


# -- what clients were told


def invitations_made(operations, evidence):
    """I4: an answered batch is there whole, once, and announced; a refused one is not; a maybe is whole or absent."""
    made = defaultdict(list)
    for row in evidence.invitations:
        made[row["last_name"]].append(row)
    announced = Counter(row["aggregate_id"] for row in events(evidence, "invitations.invitation_sent"))
    for one in of_kind(operations, "invite"):
        rows = made.pop(one.op, [])
        yield from whole_and_once(one, sorted(one.facts["emails"]), sorted(row["email"] for row in rows))
        for email, invitation_id in one.answer.get("sent", []):
            if invitation_id not in {row["invitation_id"] for row in rows}:
                yield Fault(LOST, "I4", f"{one.op}: the invitation of {email} that was answered")
    yield from (Fault(OTHER, "I4", f"invitations of {name}: nobody sent them") for name in made)
    for row in evidence.invitations:
        yield from exactly_one("I4", f"announcement of invitation {row['invitation_id']}", announced[row["invitation_id"]])


def whole_and_once(one, wanted, found):
    """What one operation made is what it asked for, or nothing where that may be."""
    if len(found) > len(set(found)):
        yield Fault(DOUBLED, "I4", f"{one.op}: {found}")
    elif one.outcome == "ok" and found != wanted:
        yield Fault(LOST, "I4", f"{one.op}: {found} of {wanted}")
    elif one.outcome == "fail" and found:
        yield Fault(OTHER, "I4", f"{one.op}: refused and done all the same")
    elif found not in ([], wanted):
        yield Fault(OTHER, "I4", f"{one.op}: half done, {found} of {wanted}")


def links_requested(operations, evidence):
    """I4: no fewer announcements than answered requests of a structure's link, no more than requests that may have counted."""
    asked = defaultdict(Counter)
    for one in of_kind(operations, "request_link"):
        asked[one.facts["organization_id"]][one.outcome] += 1
    found = Counter(row["aggregate_id"] for row in events(evidence, "organizations.magic_link_requested"))
    for organization_id, outcomes in asked.items():
        count = found[organization_id]
        if count < outcomes["ok"]:
            yield Fault(LOST, "I4", f"links of {organization_id}: {count} of {outcomes['ok']}")
        if count > outcomes["ok"] + outcomes["info"]:
            yield Fault(DOUBLED, "I4", f"links of {organization_id}: {count}, asked for {dict(outcomes)}")


def people(operations, evidence):
    """I4: who was told that they signed up, confirmed or accepted has an account, a confirmed one, a membership."""
    accounts = {row["email"]: row for row in evidence.accounts}
    members = {(row["organization_id"], row["account_id"]) for row in evidence.memberships}
    for one in operations:
        if one.kind not in ("sign_up", "confirm", "accept") or one.outcome != "ok":
            continue
        account = accounts.get(one.facts["email"])
        organization_id = one.facts.get("organization_id")
        if account is None:
            yield Fault(LOST, "I4", f"{one.op}: the account")
        elif one.kind != "sign_up" and not account["is_confirmed"]:
            yield Fault(LOST, "I4", f"{one.op}: the confirmation")
        elif one.kind != "sign_up" and (organization_id, account["account_id"]) not in members:
            yield Fault(LOST, "I4", f"{one.op}: the membership")


def refusals(operations, evidence):
    """Nothing that the clients do deserves a refusal, nor breaks a service."""
    for one in operations:
        if one.outcome == "fail" or one.status == 500:
            yield Fault(OTHER, "answers", f"{one.op} {one.kind}: {one.status}")


def own_writes(operations, evidence):
    """A client's list shows, for each address, the last invitation that it was told of: one, and no former one."""
    last, closed = defaultdict(dict), defaultdict(set)
    for one in operations:  # A client's own are in order; only it writes to its organization.
        if one.kind == "accept":
            closed[one.client].add(one.facts["invitation_id"])
        if one.kind == "invite":
            last[one.client].update(dict.fromkeys(one.facts["emails"]))
            last[one.client].update(dict(one.answer.get("sent", [])))
        if one.kind == "list_invitations" and one.outcome == "ok":
            yield from stale(one.op, last[one.client], closed[one.client], one.answer["pending"])
    pending = [(row["email"], row["invitation_id"]) for row in evidence.invitations if row["state"] == "pending"]
    for client, known in last.items():
        yield from stale(f"client {client} at the end", known, closed[client], pending)


def stale(where, known, closed, pending):
    shown = defaultdict(list)
    for email, invitation_id in pending:
        shown[email].append(invitation_id)
    for email, invitation_id in known.items():
        if invitation_id and invitation_id not in closed and shown[email] != [invitation_id]:
            yield Fault(ORDER, "own writes", f"{where}: {email} shows {shown[email]}, not {invitation_id}")


# -- states


def admissions(operations, evidence):
    """I1: an accepted invitation has exactly one admission, and an admission an accepted invitation."""
    admitted = Counter(row["invitation_id"] for row in evidence.memberships if row["invitation_id"])
    announced = Counter(row["aggregate_id"] for row in events(evidence, "invitations.invitation_accepted"))
    for row in evidence.invitations:
        if row["state"] == "accepted":
            yield from exactly_one("I1", f"admission by {row['invitation_id']}", admitted.pop(row["invitation_id"], 0))
            yield from exactly_one("I1", f"announced acceptance of {row['invitation_id']}", announced[row["invitation_id"]])
    yield from (Fault(OTHER, "I1", f"admission by {invitation_id}, which is not accepted") for invitation_id in admitted)


def at_most_one(operations, evidence):
    """I3: one pending invitation by organization and address, one membership by organization and account."""
    pending = Counter((row["organization_id"], row["email"]) for row in evidence.invitations if row["state"] == "pending")
    active = Counter((row["organization_id"], row["account_id"]) for row in evidence.memberships)
    for name, counts in (("pending invitations", pending), ("memberships", active)):
        yield from (Fault(DOUBLED, "I3", f"{count} {name} of {key}") for key, count in counts.items() if count > 1)


def administrators(operations, evidence):
    """I2: an organization with members has an administrator."""
    governed = {row["organization_id"] for row in evidence.memberships if row["role"] == "administrator"}
    populated = {row["organization_id"] for row in evidence.memberships}
    yield from (Fault(LOST, "I2", f"the administrator of {one}") for one in populated - governed)


# -- events


def published(operations, evidence):
    """I4: nothing waits in an outbox."""
    for service, rows in evidence.outbox.items():
        waiting = [row["id"] for row in rows if row["published_at"] is None]
        if waiting:
            yield Fault(LOST, "I4", f"{len(waiting)} facts of {service} were not published")


def heard(operations, evidence):
    """I5: each listener has each published event in its inbox once, or set aside once; and nothing that was not published."""
    done = Counter((row["handler"], row["message_id"]) for rows in evidence.inbox.values() for row in rows)
    aside = Counter((row["handler"], row["message_id"]) for rows in evidence.parked.values() for row in rows)
    for rows in evidence.outbox.values():
        for row in rows:
            for listener in catalogue.events()[row["event"]].heard_by if row["published_at"] else ():
                key = (listener, row["message_id"])
                yield from exactly_one("I5", f"{row['event']} {row['message_id']} at {listener}", done[key] + aside[key])
                done.pop(key, None)
    yield from (Fault(OTHER, "I5", f"{handler} heard {message}, which nobody published") for handler, message in done)
    for rows in evidence.parked.values():
        yield from (Fault(OTHER, "I5", f"{row['handler']}: {row['message_id']} is {row['state']}") for row in rows)


def in_order(operations, evidence):
    """Per aggregate, facts were published in the order in which they were written; a link's issues count up without a gap."""
    for service, rows in evidence.outbox.items():
        latest = {}
        for row in rows:  # In the order of their ids.
            before = latest.get(row["aggregate_id"])
            if before and row["published_at"] and before > row["published_at"]:
                yield Fault(ORDER, "I6", f"{service}: {row['event']} {row['id']} of {row['aggregate_id']} overtook another")
            latest[row["aggregate_id"]] = row["published_at"] or before
    issues = defaultdict(list)
    for row in events(evidence, "organizations.magic_link_requested"):
        issues[row["aggregate_id"]].append(row["payload"]["issue"])
    for organization_id, found in issues.items():
        if found != list(range(1, len(found) + 1)):
            yield Fault(ORDER, "I6", f"links of {organization_id}: issues {found}")


def projected(operations, evidence):
    """I6: a projection is at the last version that its source announced."""
    newest = defaultdict(int)
    for rows in evidence.outbox.values():
        for row in rows:
            if row["aggregate_version"] is not None:
                newest[row["aggregate_id"]] = max(newest[row["aggregate_id"]], row["aggregate_version"])
    for rows in evidence.applied.values():
        for row in rows:
            if row["version"] != newest[row["aggregate_id"]]:
                yield Fault(ORDER, "I6", f"{row['handler']}: {row['aggregate_id']} at {row['version']}")


# -- mails


def mails(operations, evidence):
    """I7: one mail for each event that a mail is to follow, at its end; none that nobody asked for."""
    causes = Counter(row["cause"] for row in evidence.mails)
    aside = {f"{row['handler']}|{row['message_id']}" for row in evidence.parked.get("notifications", [])}
    for rows in evidence.outbox.values():
        for row in rows:
            for listener in catalogue.events()[row["event"]].heard_by if row["published_at"] else ():
                cause = f"{listener}|{row['message_id']}"
                if listener.startswith("notifications.") and cause not in aside:
                    yield from exactly_one("I7", f"mail of {cause}", causes.pop(cause, 0))
    yield from (Fault(OTHER, "I7", f"mail of {cause}, which nobody published") for cause in causes)
    for row in evidence.mails:
        is_void = row["state"] == "cancelled" and row["reason"] not in VOID
        if row["state"] not in FINAL or is_void:
            yield Fault(OTHER, "I7", f"{row['template']} {row['mail_id']} is {row['state']}: {row['reason']}")


def deliveries(operations, evidence):
    """I7: a sent mail arrived, once, and once more at most for each crash while it was under way."""
    known = {row["mail_id"]: row for row in evidence.mails}
    for mail_id, row in known.items():
        copies = evidence.copies[mail_id]
        if row["state"] == "sent" and not copies:
            yield Fault(LOST, "I7", f"{row['template']} {mail_id} was sent and did not arrive")
        ended = row["sent_at"]
        met = sum(began <= (ended or began) and row["queued_at"] <= healed for began, healed in evidence.crashes)
        if copies > 1 + met:
            yield Fault(DOUBLED, "I7", f"{row['template']} {mail_id}: {copies} copies, {met} crashes")
    yield from (Fault(OTHER, "I7", f"mail {mail_id} is no mail of ours") for mail_id in set(evidence.copies) - set(known))


def queues(operations, evidence):
    """I11: every queue is empty and has a consumer."""
    for name, messages, consumers in evidence.queues:
        if messages:
            yield Fault(OTHER, "I11", f"{messages} messages in {name}")
        if not consumers:
            yield Fault(OTHER, "I11", f"nobody consumes {name}")


CHECKS = (
    invitations_made, links_requested, people, refusals, own_writes, admissions, at_most_one, administrators, published, heard,
    in_order, projected, mails, deliveries, queues,
)  # fmt: skip


def of_kind(operations, kind):
    return [one for one in operations if one.kind == kind]


def events(evidence, name):
    """The outbox's rows of one event."""
    return [row for row in evidence.outbox.get(name.partition(".")[0], []) if row["event"] == name]


def exactly_one(invariant, what, count):
    if count != 1:
        yield Fault(LOST if count < 1 else DOUBLED, invariant, f"{count} of {what}")
