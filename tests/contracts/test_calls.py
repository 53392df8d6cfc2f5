"""Who calls whom: the graph of methods has no cycle, every call is expected by the called, and declared callers do call."""

import pytest

from contracts.method import method
from contracts.vocabulary import SERVICES
from tests.architecture.tree import ROOT, Source, Tree
from tests.contracts.binding import every_method, uses

FOLDERS = {"gateway": "gateway/", "operator": "operations/commands/"} | {name: f"services/{name}/" for name in SERVICES}


def faults(methods):
    """Calls to what is not there or does not expect them, and cycles."""
    known = {one.name: one for one in methods}
    found = []
    for one in methods:
        for target in sorted(one.calls):
            if target not in known:
                found.append(f"{one.name} calls {target}, which nobody declares")
            elif one.service not in known[target].callers:
                found.append(f"{one.name} calls {target}, which does not name {one.service} a caller")
    return found + [f"cycle: {' -> '.join(names)}" for names in cycles(known)]


def cycles(known):
    """Every way back to where it started, told once, from its first name in the alphabet."""
    found = []

    def walk(path):
        for target in sorted(known[path[-1]].calls & known.keys()):
            if target == path[0] and target == min(path):
                found.append([*path, target])
            elif target not in path:
                walk([*path, target])

    for name in sorted(known):
        walk([name])
    return found


def untrue_callers(methods, sources):
    """Calls in the source that no contract expects, and callers that contracts name but who do not call."""
    used = {name: uses([one for one in sources if one.name.startswith(folder)]) for name, folder in FOLDERS.items()}
    found = []
    for one in methods:
        for name in FOLDERS:
            if name == one.service:
                continue
            if one.name in used[name] and name not in one.callers:
                found.append(f"{used[name][one.name]} calls {one.name}, which does not name {name} a caller")
            if one.name not in used[name] and name in one.callers and not is_called_by_name(one, name):
                found.append(f"{one.name} names {name} a caller, who does not call it")
    return found


def is_called_by_name(one, caller):
    """The operator's desk for parked messages asks the catalogue, one service after the other."""
    return caller == "operator" and one.verb in ("list_parked", "replay_parked", "discard_parked")


def idle_calls(methods, sources):
    """Calls that a method declares and nothing in its service makes."""
    used = {name: uses([one for one in sources if one.name.startswith(FOLDERS[name])]) for name in SERVICES}
    return [
        f"{one.name} never calls {target}" for one in methods for target in sorted(one.calls) if target not in used[one.service]
    ]


class TestTheTree:
    def test_calls_without_a_cycle_what_expects_it(self):
        assert faults(every_method()) == []

    def test_has_the_callers_that_contracts_name(self):
        assert untrue_callers(every_method(), Tree(ROOT).python("services", "gateway", "operations")) == []

    def test_makes_the_calls_that_contracts_name(self):
        assert idle_calls(every_method(), Tree(ROOT).python("services")) == []


def planted(name, calls=(), callers=("gateway",)):
    return method(name, callers=callers, calls=calls)


class TestAPlantedContract:
    def test_is_found_to_turn_in_a_circle(self):
        circle = [
            planted("accounts.a", ["invitations.b"], SERVICES),
            planted("invitations.b", ["organizations.c"], SERVICES),
            planted("organizations.c", ["accounts.a", "sync.d"], SERVICES),
            planted("sync.d", callers=SERVICES),
        ]
        assert faults(circle) == ["cycle: accounts.a -> invitations.b -> organizations.c -> accounts.a"]

    def test_is_found_to_call_itself(self):
        assert faults([planted("sync.a", ["sync.a"], ["sync"])]) == ["cycle: sync.a -> sync.a"]

    @pytest.mark.parametrize(
        ("target", "reason"),
        [
            ("sync.gone", "accounts.a calls sync.gone, which nobody declares"),
            ("sync.b", "accounts.a calls sync.b, which does not name accounts a caller"),
        ],
    )
    def test_is_found_to_call_who_does_not_expect_it(self, target, reason):
        assert faults([planted("accounts.a", [target]), planted("sync.b")]) == [reason]

    def test_is_found_to_be_untrue(self):
        source = Source("services/accounts/actions.py", "from contracts import sync\nx = call(sync.get_run)\n")
        methods = [one for one in every_method() if one.name in ("sync.get_run", "accounts.get_account")]
        assert sorted(untrue_callers(methods, [source])) == [
            "accounts.get_account names gateway a caller, who does not call it",
            "services/accounts/actions.py:2 calls sync.get_run, which does not name accounts a caller",
            "sync.get_run names operator a caller, who does not call it",
        ]

    def test_is_found_to_declare_an_idle_call(self):
        assert idle_calls([planted("accounts.a", ["organizations.claim_structure"])], []) == [
            "accounts.a never calls organizations.claim_structure"
        ]
