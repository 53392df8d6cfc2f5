"""The table of contents, wired as nameko does it: each entrypoint leads to its action."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nameko.testing.services import worker_factory

from chassis.testing.subjects import VISITOR, employer, prescriber, service
from contracts import catalogue
from contracts import invitations as contract
from contracts.vocabulary import LinkPurpose, Role
from services.invitations.service import Invitations
from tests.factories.invitations import PUBLIC_URL, TOKEN_KEY, Others, contact, line, row, token_of

GIVEN = {"token_key": TOKEN_KEY, "public_url": PUBLIC_URL, "signing_key": Ed25519PrivateKey.generate()}
SETTINGS = SimpleNamespace(**GIVEN, one_kind_per_email=True)


@pytest.fixture
def serve(bench):
    """`serve(contract.invite, subject, others)`: the entrypoint of one method, as a call reaches it."""

    def entrypoint(method, subject, others, settings=SETTINGS):
        work = bench.work(subject, method=method)
        return getattr(worker_factory(Invitations, db=work, call=others, settings=settings), method.verb)

    return entrypoint


def test_serves_every_method_of_the_contract():
    entrypoints = [one for name in dir(Invitations) for one in getattr(getattr(Invitations, name), "nameko_entrypoints", ())]
    served = {one.method for one in entrypoints if hasattr(one, "method")}
    assert served == set(catalogue.methods_of("invitations"))


def test_the_whole_story(serve, bench):
    sender, account_id, organization_id = employer(uuid4()), uuid4(), uuid4()
    others = Others(contact(account_id), role=Role.MEMBER)

    (sent,) = serve(contract.invite, sender, others)(organization_id=organization_id, invitees=[line()])["items"]
    (listed,) = serve(contract.list_invitations, sender, others)(organization_id=organization_id)["items"]
    invitation = contract.Invitation().load(sent)
    token = token_of(invitation)
    about = {"purpose": LinkPurpose.INVITATION, "row_id": invitation["invitation_id"], "issue": 1}
    mailed = serve(contract.get_mail_link, service("notifications"), others)(**about)
    shown = serve(contract.get_invitation, VISITOR, others)(token=token)
    claimed = serve(contract.check_acceptance, VISITOR, others)(token=token)
    accepted = serve(contract.accept_invitation, employer(account_id), others)(token=token)

    assert sent == listed and sent["state"] == "pending"
    assert mailed["url"].endswith(token)
    assert shown["email"] == claimed["email"] == sent["email"]
    assert accepted["state"] == row(bench, invitation).state == "accepted"


def test_the_sweep_runs_in_the_services_own_name(bench):
    worker = worker_factory(Invitations, db=bench.work(service("invitations")), call=Others(), settings=SETTINGS)
    assert worker.resume_acceptances() is None


class TestOneKindPerEmail:
    """G-07: one setting, for who may sign up and for who may accept."""

    @pytest.mark.parametrize("one_kind", [True, False])
    def test_decides_who_may_accept(self, serve, bench, one_kind):
        account_id, organization_id = uuid4(), uuid4()
        others = Others(contact(account_id, prescriber=True), role=Role.MEMBER)
        (sent,) = serve(contract.invite, employer(uuid4()), others)(organization_id=organization_id, invitees=[line()])["items"]
        token = token_of(contract.Invitation().load(sent))

        accept = serve(
            contract.accept_invitation, prescriber(account_id), others, SimpleNamespace(**GIVEN, one_kind_per_email=one_kind)
        )

        if one_kind:
            with pytest.raises(contract.AccountIsOfAnotherKind):
                accept(token=token)
        else:
            assert accept(token=token)["state"] == "accepted"
