"""Who may ask sync for what: the whole matrix, its answers written by hand."""

from uuid import UUID

import pytest

from chassis.testing.subjects import VISITOR, employer, prescriber, service, staff
from contracts import catalogue
from contracts.errors import Forbidden
from services.sync.permissions import MAY, check_may

SOMEBODY = UUID(int=1)
SUBJECTS = {
    "visitor": VISITOR,
    "employer": employer(SOMEBODY),
    "prescriber": prescriber(SOMEBODY),
    "staff": staff(SOMEBODY),
    "organizations": service("organizations"),
    "sync": service("sync"),
    "operator": service("operator"),
}
ALLOWED = {
    "sync.open_run": {"operator"},
    "sync.get_run": {"operator"},
    "sync.list_rejects": {"operator"},
    "sync.list_remarks": {"operator"},
    "sync.list_parked": {"operator"},
    "sync.replay_parked": {"operator"},
    "sync.discard_parked": {"operator"},
}


def test_has_a_row_for_every_operation():
    served = set(catalogue.methods_of("sync"))
    assert set(MAY) == served
    assert set(ALLOWED) == {method.name for method in served}


@pytest.mark.parametrize("who", sorted(SUBJECTS))
@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_answers_as_written(name, who):
    method, subject = catalogue.methods()[name], SUBJECTS[who]
    if who in ALLOWED[name]:
        check_may(subject, method)
    else:
        with pytest.raises(Forbidden):
            check_may(subject, method)


def test_refuses_an_operation_without_a_row():
    with pytest.raises(Forbidden):
        check_may(SUBJECTS["operator"], catalogue.methods()["accounts.list_parked"])
