"""Broker permissions, as the broker applies them: nobody speaks in another's name, nobody takes another's messages."""

import re

import pytest

from chassis import topology
from chassis.topology import Permissions
from contracts import catalogue
from contracts.vocabulary import CALLERS, SERVICES

RANDOM = "0123456789abcdef0123456789abcdef"


def queues():
    """Every queue, with the participant whose messages it holds."""
    owned = {f"{name}.replies.{RANDOM}": name for name in CALLERS}
    for service in SERVICES:
        own = [f"{service}.calls", f"{service}.dead", *(f"{service}.{handler}" for handler in catalogue.heard_by(service))]
        owned |= dict.fromkeys(own, service)
    return owned


def faults(permissions, topic_permissions):
    """What some participant may do and should not, and what it needs and may not."""
    found = []
    for name in CALLERS:
        may = permissions(name)
        topics = topic_permissions(name)
        found += foreign(name, may) + lacking(name, may) + wrong_calls(name, topics) + overheard(name, may, topics)
    return found


def matches(pattern, text):
    return re.search(pattern, text) is not None


def foreign(name, may):
    """Another's events published, another's queue consumed, any foreign queue emptied by being declared anew."""
    found = [f"{name} may publish {service}'s events" for service in SERVICES if service != name and may_publish(may, service)]
    found += [f"{name} may consume {queue}" for queue, owner in queues().items() if owner != name and matches(may.read, queue)]
    heard = {queue.name for queue in topology.queues_listening_to(name)} if name in SERVICES else set()
    for queue, owner in queues().items():
        if owner != name and queue not in heard and (matches(may.configure, queue) or matches(may.write, queue)):
            found.append(f"{name} may declare or bind {queue}")
    return found


def overheard(name, may, topics):
    """What reaches a participant by a binding of its own though it is meant for another: answers, facts, calls, dead letters."""
    meant = {("replies", f"{owner}.replies.{RANDOM}"): {owner} for owner in CALLERS}
    meant |= {("calls", one.name): {one.service} for one in catalogue.methods().values()}
    for one in catalogue.events().values():
        listeners = {listener.partition(".")[0] for listener in one.heard_by}
        meant[f"{one.service}.events", one.fact] = {one.service, *listeners}
    readable = {exchange: read for exchange, _, read in topics}
    found = [
        f"{name} may listen to {key} at {exchange}"
        for (exchange, key), owners in meant.items()
        if name not in owners and matches(may.read, exchange) and matches(readable.get(exchange, ".*"), key)
    ]
    letters = [f"{service}.dead-letters" for service in SERVICES if service != name]
    return found + [f"{name} may use {one}" for one in letters if matches(may.read, one) or matches(may.write, one)]


def may_publish(may, service):
    return matches(may.write, f"{service}.events")


def lacking(name, may):
    """Own queues and exchanges that a participant could not use."""
    own = [queue for queue, owner in queues().items() if owner == name]
    found = [f"{name} may not consume {queue}" for queue in own if not matches(may.read, queue)]
    found += [] if matches(may.write, "calls") else [f"{name} may not call"]
    if name in SERVICES:
        found += [] if may_publish(may, name) else [f"{name} may not publish its events"]
        found += [] if matches(may.write, "replies") else [f"{name} may not reply"]
    return found


def wrong_calls(name, topics):
    """Methods that a participant may call without being named a caller, or the other way round."""
    pattern = next(write for exchange, write, _ in topics if exchange == "calls")
    return [
        f"{name} {'may' if matches(pattern, one.name) else 'may not'} call {one.name}"
        for one in catalogue.methods().values()
        if matches(pattern, one.name) != (name in one.callers)
    ]


def test_everybody_may_do_their_part_and_no_more():
    assert faults(topology.permissions, topology.topic_permissions) == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gateway", "gateway may publish accounts's events"),
        ("gateway", "gateway may consume accounts.calls"),
        ("gateway", f"gateway may consume sync.replies.{RANDOM}"),
        ("gateway", "gateway may declare or bind organizations.calls"),
        ("sync", "sync may publish organizations's events"),
        ("sync", "sync may use accounts.dead-letters"),
    ],
)
def test_a_planted_permission_is_found(name, fault):
    def generous(participant):
        return Permissions(".*", ".*", ".*") if participant == name else topology.permissions(participant)

    assert fault in faults(generous, topology.topic_permissions)


def test_a_participant_without_its_own_is_found():
    assert "sync may not consume sync.calls" in faults(lambda _: Permissions("^$", "^$", "^$"), topology.topic_permissions)


def test_a_planted_call_is_found():
    found = faults(topology.permissions, lambda _: [("calls", "^accounts\\.create_staff$", "")])
    assert "gateway may call accounts.create_staff" in found
    assert "gateway may not call accounts.log_in" in found


def test_a_planted_ear_is_found():
    found = faults(topology.permissions, lambda name: [row for row in topology.topic_permissions(name) if row[0] != "replies"])
    assert f"organizations may listen to gateway.replies.{RANDOM} at replies" in found


def test_a_prefix_is_not_enough():
    """`^accounts` would let `accounts_archive` through: each pattern is closed at both ends."""
    for name in CALLERS:
        may = topology.permissions(name)
        for pattern in (may.configure, may.write, may.read):
            assert pattern.startswith("^")
            assert pattern.endswith("$")
            assert not matches(pattern, f"{name}.callsX")
