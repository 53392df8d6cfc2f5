"""N-10: a queue or an exchange is deleted while all run: it is declared again, and nothing is lost."""

import pytest

from chassis.bus import connect
from tests.chaos.system import announcing, calling

QUEUE = "notifications.email_confirmation_link"
NOBODY_BINDS = pytest.mark.xfail(reason="nobody renews the bindings of an exchange that calls go through", run=False)


class TestADeletedQueue:
    def test_is_declared_again_and_events_arrive(self, servers, system):
        delete(servers, system, lambda channel: channel.queue_delete(QUEUE))

        announced = [system.announce() for _ in range(20)]

        print(f"well {system.seconds_until_well(10):.1f} s after")
        system.check_events(announced)
        assert '"consumer_cancelled_by_broker"' in system.notifications.log.read_text()


@pytest.mark.parametrize(
    "exchange",
    ["accounts.events", pytest.param("calls", marks=NOBODY_BINDS), pytest.param("replies", marks=NOBODY_BINDS)],
)
class TestADeletedExchange:
    def test_is_declared_again_and_all_arrives(self, servers, system, exchange):
        with announcing(system) as publishers, calling(system) as callers:
            delete(servers, system, lambda channel: channel.exchange_delete(exchange))
            print(f"{exchange}: well {system.seconds_until_well(15):.1f} s after")

        print(system.check_events(publishers.done), "events")
        system.check_calls(callers.done)


def delete(servers, system, order):
    with connect(servers.broker_url("admin", system.vhost)) as connection:
        order(connection.channel())
