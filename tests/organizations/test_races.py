"""Two people at once (X-04): one first administrator, one use of a magic link. A naive control shows that the race is real."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from chassis.testing.subjects import VISITOR, service
from contracts.errors import Refusal
from contracts.organizations import StructureHasMembers
from contracts.vocabulary import Role
from services.organizations import queries
from services.organizations.actions import joining, members
from tests.factories.organizations import structure

ITERATIONS = 200
ACCOUNTS, INVITATIONS = service("accounts"), service("invitations")


def at_once(*works):
    """What each work answers or refuses, all started together."""
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait(timeout=10)
        try:
            return work()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def requested(bench):
    """(organization id, magic link id) of a new structure whose link was just asked for."""
    organization_id = structure(bench).organization_id
    bench.act(joining.request_magic_link, VISITOR, organization_id=organization_id, token_key=b"key")
    return organization_id, UUID(bench.announced("organizations.magic_link_requested")[-1]["magic_link_id"])


def claim(bench, magic_link_id, account_id=None):
    who = account_id or uuid4()
    return lambda: bench.act(joining.claim_structure, ACCOUNTS, account_id=who, magic_link_id=magic_link_id)


def admit(bench, organization_id):
    facts = {"account_id": uuid4(), "invitation_id": uuid4(), "role": Role.MEMBER}
    return lambda: bench.act(members.admit_member, INVITATIONS, organization_id=organization_id, **facts)


def roles(bench, organization_id):
    rows = bench.rows("SELECT role FROM memberships WHERE organization_id = :id AND ended_at IS NULL", id=organization_id)
    return sorted(row.role for row in rows)


class TestTwoFirstMembers:
    def test_claiming_at_once_leave_one_administrator(self, bench):
        for _ in range(ITERATIONS):
            organization_id, link = requested(bench)

            answers = at_once(claim(bench, link), claim(bench, link))

            assert roles(bench, organization_id) == ["administrator"]
            assert sum(isinstance(answer, StructureHasMembers) for answer in answers) == 1

    def test_claiming_and_invited_at_once_leave_one_administrator(self, bench):
        for _ in range(ITERATIONS):
            organization_id, link = requested(bench)

            at_once(claim(bench, link), admit(bench, organization_id))

            assert roles(bench, organization_id) in (["administrator"], ["administrator", "member"])

    def test_invited_at_once_leave_one_administrator(self, bench):
        for _ in range(ITERATIONS):
            organization_id = structure(bench).organization_id

            at_once(admit(bench, organization_id), admit(bench, organization_id))

            assert roles(bench, organization_id) == ["administrator", "member"]


class TestMagicLinkUsedTwice:
    def test_by_the_same_account_admits_it_once(self, bench):
        for _ in range(ITERATIONS):
            organization_id, link = requested(bench)
            who = uuid4()

            first, second = at_once(claim(bench, link, who), claim(bench, link, who))

            assert first.membership_id == second.membership_id
            assert roles(bench, organization_id) == ["administrator"]
        assert len(bench.announced("organizations.member_admitted")) == ITERATIONS

    def test_requested_at_once_counts_two_issues(self, bench):
        organization_id = structure(bench).organization_id

        def ask():
            return bench.act(joining.request_magic_link, VISITOR, organization_id=organization_id, token_key=b"key")

        at_once(ask, ask, ask)

        assert sorted(event["issue"] for event in bench.announced()) == [1, 2, 3]


class TestNaiveControl:
    """Without the lock the same tests fail: both read that nobody is there before either writes."""

    @pytest.fixture(autouse=True)
    def naive(self, monkeypatch):
        both_have_read, has_members = threading.Barrier(2), queries.has_members

        def has_members_then_wait(session, organization_id):
            answer = has_members(session, organization_id)
            both_have_read.wait(timeout=10)
            return answer

        monkeypatch.setattr(queries, "lock_organization", queries.organization)
        monkeypatch.setattr(queries, "has_members", has_members_then_wait)

    def test_two_invited_at_once_are_both_administrators(self, bench):
        organization_id = structure(bench).organization_id

        at_once(admit(bench, organization_id), admit(bench, organization_id))

        assert roles(bench, organization_id) == ["administrator", "administrator"]
