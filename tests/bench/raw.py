"""The baseline: what this broker and plain py-amqp allow, without framework, database, deadline or signature.

`python -m tests.bench.raw echo URL` answers; `… ask URL` and `… publish URL` are load generators.
"""

import sys
import time
from uuid import uuid4

import amqp

from tests.bench.generator import Stopwatch, answer_jobs

ECHO, QUORUM = "bench.echo", "bench.quorum"
BODY = b'{"account_id":"0192a3b4-0000-7000-8000-000000000000","confirmation_id":"0192a3b4-0000-7000-8000-000000000001","issue":0}'


def connect(url):
    user, _, address = url.removeprefix("amqp://").rpartition("@")
    name, _, password = user.partition(":")
    host, _, vhost = address.partition("/")
    connection = amqp.Connection(host, name, password, virtual_host=vhost)
    connection.connect()
    return connection


def echo(url):
    """Answer everything, for ever: transient, without acknowledgement or confirm."""
    connection = connect(url)
    channel = connection.channel()
    channel.queue_declare(ECHO, auto_delete=True)

    def answer(message):
        reply = amqp.Message(message.body, correlation_id=message.properties["correlation_id"])
        channel.basic_publish(reply, routing_key=message.properties["reply_to"])

    channel.basic_consume(ECHO, no_ack=True, callback=answer)
    print("ready", flush=True)
    while True:
        connection.drain_events()


def ask(url):
    """So many requests in flight on one connection, their replies told apart by their ids."""
    connection = connect(url)
    channel = connection.channel()
    replies = channel.queue_declare("", exclusive=True).queue
    sent = {}
    watch = None

    def send():
        correlation_id = uuid4().hex
        sent[correlation_id] = time.perf_counter()
        channel.basic_publish(
            amqp.Message(b"{}", correlation_id=correlation_id, reply_to=replies, delivery_mode=1), routing_key=ECHO
        )

    def replied(message):
        watch.took(sent.pop(message.properties["correlation_id"]))
        if watch.is_running():
            send()

    def work(callers, seconds):
        nonlocal watch
        watch = Stopwatch(seconds)
        for _ in range(callers):
            send()
        while sent:
            connection.drain_events(timeout=10)
        return watch.result()

    channel.basic_consume(replies, no_ack=True, callback=replied)
    answer_jobs(work)


def publish(url):
    """Persistent messages to a quorum queue, so many at a time, each batch confirmed before the next."""
    connection = connect(url)
    channel = connection.channel()
    channel.queue_declare(QUORUM, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    channel.confirm_select()
    confirmed = 0

    def settled(tag, multiple):
        nonlocal confirmed
        confirmed = tag if multiple else confirmed + 1

    def work(batch, seconds):
        watch, published = Stopwatch(seconds), confirmed
        while watch.is_running():
            begun = time.perf_counter()
            for _ in range(batch):
                channel.basic_publish(amqp.Message(BODY, delivery_mode=2, content_type="application/json"), routing_key=QUORUM)
            published += batch
            while confirmed < published:
                connection.drain_events(timeout=10)
            watch.took(begun, batch)
        channel.queue_purge(QUORUM)
        return watch.result()

    channel.events["basic_ack"].add(settled)
    answer_jobs(work)


if __name__ == "__main__":
    {"echo": echo, "ask": ask, "publish": publish}[sys.argv[1]](sys.argv[2])
