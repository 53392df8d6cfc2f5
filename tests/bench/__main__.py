"""`make bench`: measures and prints, judges nothing. Figures are ratios to raw py-amqp, or to the same loop, in the same run.

The callee is a probe service on the chassis, a process of its own on a private broker and database.
"""

import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import amqp
from rich.console import Console
from rich.table import Table

from chassis.bus import connect
from chassis.call import Caller
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts
from operations.local import testing
from tests.chassis import probes
from tests.chassis.conftest import Probe, wait_for

CALLS, FACTS = 1500, 2000
STAFF = {"email": "ada@emplois.example", "first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}


def main():
    directory = testing.open_session()
    servers = testing.TestServers()
    try:
        with servers.leased_vhost() as vhost, tempfile.TemporaryDirectory() as scratch:
            measure(servers, vhost, Path(scratch))
    finally:
        testing.close_session(directory)


def measure(servers, vhost, scratch):
    table = Table("Mesure", "par seconde", "fois py-amqp nu")
    probe = new_probe("accounts", servers, vhost, scratch)
    hearer = new_probe("notifications", servers, vhost, scratch)
    try:
        compare_calls(table, servers, vhost, probe)
        table.add_row("faits publiés et traités", f"{facts_per_second(probe, hearer, scratch):.0f}", "")
        for each in (probe, hearer):
            table.add_row(f"mémoire de {each.name} au repos ensuite", f"{resident_megabytes(each):.0f} Mo", "")
    finally:
        for each in (probe, hearer):
            each.stop()
            each.engine.dispose()
    Console().print(table)


def new_probe(name, servers, vhost, scratch):
    probe = Probe(name, servers.empty_database(name), servers.broker_url(name, vhost), servers.secrets, scratch)
    probe.create_tables()
    return probe.start()


def compare_calls(table, servers, vhost, probe):
    key = read_private_key(servers.secrets["INVITATIONS_SIGNING_KEY"])
    reader = Caller(BusSettings("invitations", servers.broker_url("invitations", vhost), key))
    operator_key = read_private_key(servers.secrets["OPERATOR_SIGNING_KEY"])
    operator = Caller(BusSettings("operator", servers.broker_url("operator", vhost), operator_key))
    for caller in (reader, operator):
        caller.start()
    for callers in (1, 16):
        raw = raw_echoes_per_second(servers.broker_url("admin", vhost), callers)
        table.add_row(f"py-amqp nu, aller-retour, {callers} appelant(s)", f"{raw:.0f}", "1")
        for label, work in (
            ("appel sans base", lambda: reader.call(accounts.get_contacts, {"account_ids": []})),
            ("appel qui écrit", lambda: operator.call(accounts.create_staff, STAFF)),
        ):
            rate = per_second(work, callers)
            table.add_row(f"{label}, {callers} appelant(s)", f"{rate:.0f}", f"{rate / raw:.2f}")
    for caller in (reader, operator):
        caller.link.stop()


def per_second(work, callers, count=CALLS):
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda _: work(), range(50)))
        started = time.perf_counter()
        list(pool.map(lambda _: work(), range(count)))
        return count / (time.perf_counter() - started)


def raw_echoes_per_second(url, callers, count=CALLS):
    """Requests and replies over two queues, no framework: what the broker and the client allow here."""
    stop = threading.Event()
    threading.Thread(target=echo, args=(url, stop), daemon=True).start()
    with ThreadPoolExecutor(callers) as pool:
        each = count // callers
        started = time.perf_counter()
        list(pool.map(lambda _: ask(url, each), range(callers)))
        rate = each * callers / (time.perf_counter() - started)
    stop.set()
    return rate


def echo(url, stop):
    with connect(url) as connection:
        channel = connection.channel()
        channel.queue_declare("bench.echo", auto_delete=False)

        def answer(message):
            channel.basic_publish(amqp.Message(message.body), exchange="", routing_key=message.properties["reply_to"])

        channel.basic_consume("bench.echo", no_ack=True, callback=answer)
        while not stop.is_set():
            try:
                connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue


def ask(url, count):
    with connect(url) as connection:
        channel = connection.channel()
        channel.queue_declare("bench.echo", auto_delete=False)
        queue = channel.queue_declare("", exclusive=True).queue
        got = []
        channel.basic_consume(queue, no_ack=True, callback=got.append)
        for done in range(count):
            channel.basic_publish(amqp.Message(b"{}", reply_to=queue), exchange="", routing_key="bench.echo")
            while len(got) <= done:
                connection.drain_events(timeout=5)


def facts_per_second(sender, hearer, scratch):
    bench = Bench(sender.database_url, "accounts", scratch / "clock")
    sender.stop()  # So that all are there when the relay starts.
    for start in range(0, FACTS, 100):
        bench.act(announce_many, subjects.VISITOR, count=min(100, FACTS - start))
    started = time.perf_counter()
    sender.start()
    wait_for(lambda: hearer.rows("SELECT count(*) FROM effects")[0][0] >= FACTS, 120)
    bench.close()
    return FACTS / (time.perf_counter() - started)


def announce_many(session, subject, *, count):
    for _ in range(count):
        cause = uuid4()
        probes.announce_confirmation(session, subject, account_id=uuid4(), confirmation_id=cause, issue=probes.FINE)


def resident_megabytes(probe):
    pages = int(Path(f"/proc/{probe.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
