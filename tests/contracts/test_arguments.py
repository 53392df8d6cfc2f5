"""Where an entrypoint hands its whole request to an action, the action's arguments are the schema's fields."""

import ast
import inspect
import textwrap

import pytest

from chassis.inbox import Handles, handles
from chassis.serve import Serves, serves
from contracts import accounts, sync
from contracts.vocabulary import SERVICES
from tests.contracts.binding import entrypoints, service_class, service_classes

GIVEN = {"now", "cause"}  # By the chassis, or by what stands between a handler and its action, where the signature asks for it.


def faults(cls):
    """Fields that an entrypoint or its action does not take, and arguments that nobody gives."""
    found = []
    for function, fields in bindings(cls):
        named, rest = signature(function)
        found += [f"{function.__name__} takes {name}, which is no field" for name in sorted(named - fields)]
        found += [f"{function.__name__} does not take {name}" for name in sorted(fields - named) if not rest]
        for action, extra in actions_called(function):
            found += [f"{function.__name__}: {reason}" for reason in differences(action, fields - named | extra)]
    return found


def bindings(cls):
    """(function, field names) of every entrypoint that receives a record."""
    for function, extension in entrypoints(cls, Serves):
        yield function, set(extension.method.takes._declared_fields)
    for function, extension in entrypoints(cls, Handles):
        for event in extension.events:
            yield function, set(event.carries._declared_fields)


def signature(function):
    """An entrypoint's arguments by name, and the name of its `**rest`."""
    takes = list(inspect.signature(function).parameters.values())[1:]
    rest = next((one.name for one in takes if one.kind is one.VAR_KEYWORD), None)
    return {one.name for one in takes if one.name != rest}, rest


def actions_called(function):
    """(action, names of further arguments) of each call in an entrypoint that passes its `**rest` on to an action."""
    rest = signature(function)[1]
    body = ast.parse(textwrap.dedent(inspect.getsource(function)))
    written = {key.value for node in ast.walk(body) if isinstance(node, ast.Dict) for key in node.keys if is_text(key)}
    for node in ast.walk(body):
        if isinstance(node, ast.Call) and node.args and rest in spread(node):
            action = value_of(node.args[0], function)
            if inspect.isfunction(action):
                further = {keyword.arg for keyword in node.keywords if keyword.arg}
                yield action, further | (written if len(spread(node)) > 1 else set())


def spread(call):
    """Names that a call spreads with `**`."""
    return [keyword.value.id for keyword in call.keywords if keyword.arg is None and isinstance(keyword.value, ast.Name)]


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def value_of(node, function):
    """What an expression like `actions.log_in` stands for in a function's module; None for anything else."""
    if isinstance(node, ast.Attribute):
        return getattr(value_of(node.value, function), node.attr, None)
    return function.__globals__.get(node.id) if isinstance(node, ast.Name) else None


def differences(action, given):
    takes = list(inspect.signature(action).parameters.values())[2:]  # After the session and the subject.
    if any(one.kind is one.VAR_KEYWORD for one in takes):
        return [f"{action.__name__} takes anything"]
    names = {one.name for one in takes}
    missing = {one.name for one in takes if one.default is one.empty} - given - GIVEN
    return [f"{action.__name__} does not take {name}" for name in sorted(given - names)] + [
        f"nobody gives {action.__name__} {name}" for name in sorted(missing)
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_actions_take_what_the_contract_says(service):
    assert faults(service_class(service)) == []


def test_the_search_sees_most_entrypoints():
    """A guard that finds nothing to compare would be green for ever."""
    operations = [function for cls in service_classes().values() for function, _ in entrypoints(cls, Serves)]
    seen = [function for function in operations if list(actions_called(function))]
    assert len(seen) >= len(operations) / 2


def get_run(session, subject, *, run_id, now):
    """As the contract says."""


def open_run(session, subject, *, files, is_quick):
    """One field by another name."""


def anything(session, subject, **request):
    """No promise at all."""


class Planted:
    name = "sync"

    @serves(sync.list_parked)
    def list_parked(self, *, most):
        return self.db.read(anything, most=most)

    @serves(sync.get_run)
    def get_run(self, **request):
        return self.db.read(get_run, **request)

    @serves(sync.open_run)
    def open_run(self, **request):
        return self.db.change(open_run, files_dir=self.settings.files_dir, **request)

    @serves(sync.list_rejects)
    def list_rejects(self, **request):
        return self.db.read(anything, **request)

    @handles(accounts.EmailConfirmed)
    def claim_structure(self, **fact):
        self.db.change(get_run, **fact)


def test_a_planted_difference_is_found():
    assert sorted(faults(Planted)) == [
        "claim_structure: get_run does not take account_id",
        "claim_structure: nobody gives get_run run_id",
        "list_parked does not take limit",
        "list_parked takes most, which is no field",
        "list_rejects: anything takes anything",
        "open_run: nobody gives open_run is_quick",
        "open_run: open_run does not take files_dir",
        "open_run: open_run does not take is_dry",
    ]
