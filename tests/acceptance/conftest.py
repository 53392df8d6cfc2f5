"""What a tester outside may use: HTTP, the mailbox, the operator's command line, the clock. No database, no bus."""

import httpx
import pytest


class Program(httpx.Client):
    """A client as programs are: it keeps no cookie, and bears its token where it has one."""

    def send(self, *arguments, **options):
        answer = super().send(*arguments, **options)
        self.cookies.clear()
        return answer


@pytest.fixture
def http(stack):
    """An HTTP client without a session."""
    with Program(base_url=stack.gateway_url, timeout=20) as client:
        yield client


def bearer(session):
    return {"Authorization": f"Bearer {session['session_token']}"}
