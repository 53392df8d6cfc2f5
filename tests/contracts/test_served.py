"""Every method is served once, under its own name, by its own service; every event is heard by the handlers that it names."""

from collections import Counter

from chassis.inbox import handles
from chassis.serve import serves
from contracts import accounts, catalogue, organizations, sync
from tests.contracts.binding import every_method, handled, served, service_classes


def faults(methods, classes):
    """Methods served never, twice, elsewhere or under another name."""
    bound = [(service, name, method) for service, cls in classes.items() for name, method in served(cls)]
    times = Counter(method.name for _, _, method in bound)
    found = [f"{method.name} is served {times[method.name]} times" for method in methods if times[method.name] != 1]
    found += [f"{method.name} is served by {service}" for service, _, method in bound if method.service != service]
    return found + [f"{method.name} is served as {name}" for _, name, method in bound if method.verb != name]


def unheard(declared, classes):
    """Handlers of `declared[service]` that the class does not have, or has for other events; and those not declared."""
    found = []
    for service, cls in classes.items():
        wanted = {handler: {event.name for event in events} for handler, events in declared(service).items()}
        there = handled(cls)
        for handler in sorted(wanted.keys() | there.keys()):
            if wanted.get(handler) != there.get(handler):
                found.append(f"{service}.{handler}: declared for {wanted.get(handler)}, handles {there.get(handler)}")
    return found


def doubles(names):
    """Names on the wire that two values bear: the catalogue would keep one of them."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


class TestTheTree:
    def test_serves_every_method_once(self):
        assert faults(every_method(), service_classes()) == []

    def test_hears_every_event_where_declared(self):
        assert unheard(catalogue.heard_by, service_classes()) == []

    def test_names_every_method_and_event_once(self):
        values = {id(value): value.name for kind in (catalogue.Method, catalogue.Event) for value in catalogue._values(kind)}
        assert doubles(values.values()) == []


class Sync:
    name = "sync"

    @serves(sync.open_run)
    def open_run(self):
        """Served as it should be."""

    @serves(sync.get_run)
    def fetch_run(self):
        """Under another name."""

    @serves(accounts.log_in)
    def log_in(self):
        """Another's."""

    @handles(organizations.DeliveryApplied)
    def note_applied_delivery(self):
        """Declared nowhere."""


class TestAPlantedClass:
    def test_is_found_to_serve_wrongly(self):
        methods = [sync.open_run, sync.get_run, sync.list_rejects]
        assert faults(methods, {"sync": Sync}) == [
            "sync.list_rejects is served 0 times",
            "accounts.log_in is served by sync",
            "sync.get_run is served as fetch_run",
        ]

    def test_is_found_to_serve_twice(self):
        assert faults([sync.open_run], {"sync": Sync, "again": Sync})[0] == "sync.open_run is served 2 times"

    def test_is_found_to_hear_what_nobody_declared(self):
        assert unheard(catalogue.heard_by, {"sync": Sync}) == [
            "sync.note_applied_delivery: declared for None, handles {'organizations.delivery_applied'}"
        ]

    def test_is_found_to_be_deaf(self):
        assert [
            line.partition(":")[0]
            for line in unheard(lambda _: {"x": [accounts.EmailConfirmed]}, {"sync": type("Empty", (), {})})
        ] == ["sync.x"]

    def test_name_on_the_wire_is_found_twice(self):
        assert doubles(["sync.open_run", "sync.get_run", "sync.open_run"]) == ["sync.open_run"]
