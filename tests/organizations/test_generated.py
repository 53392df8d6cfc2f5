"""Two generated deliveries, read as sync reads them: what their manifests say is what is applied."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from chassis.clock import paris_date
from contracts import organizations as contract
from services.sync.generator import Chapter, generate
from services.sync.staging import Former, read_delivery
from tests.organizations.delivering import deliver, live

TODAY = paris_date(datetime.now(UTC))
STRUCTURE, ANNEX = (record._declared_fields for record in (contract.IncomingStructure, contract.IncomingAnnex))


@pytest.fixture
def apply(bench, tmp_path):
    """`apply(generated)`: what its plan said."""

    def apply(generated):
        for name, content in generated.files.items():
            (tmp_path / name).write_bytes(content)
        read = read_delivery([(tmp_path / name, name) for name in generated.files], Former(), today=TODAY)
        structures = [{name: getattr(row, name) for name in STRUCTURE} for row in read.structures]
        annexes = [{name: getattr(row, name) for name in ANNEX} for row in read.annexes]
        return deliver(bench, structures, annexes, read.unknown_keys)

    return apply


@pytest.fixture
def deliveries():
    """A week ago, and today."""
    a_week_ago = TODAY - timedelta(days=7)
    return [generate(structures=600, seed=5, today=a_week_ago, chapter=chapter) for chapter in (Chapter.FIRST, Chapter.NEXT)]


def creatable(keys):
    return {(key["asp_id"], key["kind"]) for key in keys if key["active"] and key["auth_email"]}


class TestGeneratedDelivery:
    def test_creates_what_its_manifest_says(self, bench, apply):
        """Bodies of which one annex is bad are among them."""
        generated = generate(structures=600, seed=5, today=TODAY)

        summary = apply(generated)

        assert {(row.asp_id, row.kind) for row in live(bench)} == creatable(generated.manifest["keys"])
        assert set(summary["held"]) == {"no_official_address"}

    def test_changes_what_the_manifest_of_the_next_one_says(self, bench, apply, deliveries):
        first, second = deliveries
        apply(first)
        before = {(row.asp_id, row.kind) for row in live(bench)}
        changes = second.manifest["changes"]
        assert len({change["change"] for change in changes}) > 8

        summary = apply(second)

        told = Counter(change["change"] for change in changes if (change["asp_id"], change["kind"]) in before)
        appeared = {(change["asp_id"], change["kind"]) for change in changes if change["change"] == "appeared"}
        assert summary["structures_renumbered"] == sum(change["change"] == "asp_id_changed" for change in changes) > 0
        assert summary["structures_updated"] == told["siret_changed"] + told["auth_email_changed"]
        assert summary["held"]["unknown"]["count"] == told["unknown"]
        assert summary["held"]["siret_taken"]["count"] == told["siret_already_taken"]
        assert summary["conventions_activated"] == told["activated"]
        assert summary["conventions_deactivated"] == told["deactivated"] + told["vanished"]
        created = {(row.asp_id, row.kind) for row in live(bench)} - before
        assert created >= appeared & creatable(second.manifest["keys"])
