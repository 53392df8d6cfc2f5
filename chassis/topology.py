"""Exchanges, queues, bindings and broker permissions, computed from the contracts.

A participant's broker user may configure only what it declares: its own exchange and queues and its reply queues. It may bind
the queues of those who hear its events, because its relay makes sure that they stand before it publishes.
"""

import re
from dataclasses import dataclass

from kombu import Exchange, Queue

from chassis.wire import CALLS, REPLIES
from contracts import catalogue
from contracts.event import Event
from contracts.vocabulary import SERVICES

DELIVERY_LIMIT = 5

calls = Exchange(CALLS, type="topic", durable=True)
replies = Exchange(REPLIES, type="topic", durable=True)  # On a topic exchange the broker checks who binds which key.


def events_exchange(service: str) -> Exchange:
    """Where one service's events are published."""
    return Exchange(f"{service}.events", type="topic", durable=True)


def calls_queue(service: str) -> Queue:
    """Requests for one service. Messages are transient and expire with their deadline."""
    return Queue(f"{service}.calls", exchange=calls, routing_key=f"{service}.*", durable=True)


def dead_letters(service: str) -> Exchange:
    """Where the broker puts what it gives up delivering to one service; nobody else may write there or listen."""
    return Exchange(f"{service}.dead-letters", type="fanout", durable=True)


def dead_queue(service: str) -> Queue:
    """What the broker gave up delivering to one service's handlers."""
    arguments = {"x-queue-type": "quorum"}
    return Queue(f"{service}.dead", exchange=dead_letters(service), durable=True, queue_arguments=arguments)


def handler_queues(listener: str, events: list[Event]) -> list[Queue]:
    """One handler's durable queue, once for each exchange that it hears."""
    service = listener.partition(".")[0]
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": dead_letters(service).name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return [
        Queue(listener, exchange=events_exchange(event.service), routing_key=event.fact, durable=True, queue_arguments=arguments)
        for event in events
    ]


def reply_queue(caller: str, suffix: str) -> Queue:
    """One process's answers; gone with its connection."""
    name = f"{caller}.replies.{suffix}"
    return Queue(name, exchange=replies, routing_key=name, durable=False, exclusive=True, auto_delete=True)


def published_by(service: str) -> list[Event]:
    """The events of one service."""
    return [event for event in catalogue.events().values() if event.service == service]


def queues_of(event: Event) -> list[Queue]:
    """The queues of those who hear one event."""
    return [queue for listener in event.heard_by for queue in handler_queues(listener, [event])]


def queues_listening_to(service: str) -> list[Queue]:
    """Every queue that must stand before this service's relay publishes all of its facts."""
    return [queue for event in published_by(service) for queue in queues_of(event)]


@dataclass(frozen=True)
class Permissions:
    """RabbitMQ's three regular expressions for one user in one vhost."""

    configure: str
    write: str
    read: str


def _one_of(names: set[str], *patterns: str) -> str:
    alternatives = [re.escape(name) for name in sorted(names)] + list(patterns)
    return f"^({'|'.join(alternatives)})$" if alternatives else "^$"


def permissions(participant: str) -> Permissions:
    """What one participant's broker user may configure, write to and read from."""
    own_replies = rf"{participant}\.replies\.[0-9a-f]+"
    if participant not in SERVICES:
        return Permissions(_one_of({REPLIES, CALLS}, own_replies), _one_of({CALLS}, own_replies), _one_of({REPLIES}, own_replies))
    heard = catalogue.heard_by(participant)
    queues = {f"{participant}.calls", f"{participant}.dead"} | {f"{participant}.{handler}" for handler in heard}
    exchanges = {f"{participant}.events", f"{participant}.dead-letters", CALLS, REPLIES}
    heard_exchanges = {events_exchange(event.service).name for events in heard.values() for event in events}
    listening = {queue.name for queue in queues_listening_to(participant)}
    return Permissions(
        configure=_one_of(queues | exchanges | heard_exchanges, own_replies),
        write=_one_of(queues | exchanges | listening, own_replies),
        read=_one_of(queues | exchanges | heard_exchanges, own_replies),
    )


def topic_permissions(participant: str) -> list[tuple[str, str, str]]:
    """(exchange, write, read) on routing keys: a user calls only the methods that name it a caller, and hears only its own
    answers and the facts that name it a listener.
    """
    called = {method.name for method in catalogue.methods().values() if participant in method.callers}
    rows = [
        (CALLS, _one_of(called), rf"^{participant}\..*$"),
        (REPLIES, r"^[a-z]+\.replies\.[0-9a-f]+$", rf"^{participant}\.replies\.[0-9a-f]+$"),
    ]
    for service in SERVICES:
        mine = service == participant
        heard = {event.fact for event in published_by(service) if mine or participant in _listeners(event)}
        rows.append((events_exchange(service).name, ".*" if mine else "^$", ".*" if mine else _one_of(heard)))
    return rows


def _listeners(event: Event) -> set[str]:
    return {listener.partition(".")[0] for listener in event.heard_by}
