"""nameko's own calls, stock and tuned, for 2.14.1 and for 3.0.0rc11: what either release candidate could be brought to.

Tuned: requests are transient, confirmed and mandatory; the reply queue is declared once; replies are transient and
unconfirmed; producers come from a pool that is looked up once; bodies are written by orjson.
"""

import warnings
from contextlib import contextmanager

import kombu.serialization
import nameko.amqp.publish
import nameko.rpc
import orjson
from kombu import Connection
from kombu.pools import producers
from nameko.amqp.publish import Publisher
from nameko.constants import DEFAULT_TRANSPORT_OPTIONS
from nameko.runners import ServiceRunner

TRANSIENT = 1
IS_NEW = hasattr(nameko, "config")  # 3.0: settings are the process's, not the container's.
_pools = {}


class ReplyPublisher(Publisher):
    """A lost reply is a missed deadline, and the call can be repeated."""

    use_confirms = False
    delivery_mode = TRANSIENT
    retry = False


class TunedRpcProxy(nameko.rpc.RpcProxy):
    """Requests of which nothing outlives the broker; the reply queue stands already when the first is sent."""

    def __init__(self, target_service):
        super().__init__(target_service, delivery_mode=TRANSIENT, retry=False)

    def setup(self):
        super().setup()
        if IS_NEW:
            self.publisher.declare = []


@contextmanager
def pooled_producer(amqp_uri, confirms=True, ssl=None, login_method=None, transport_options=None):
    """The stock one makes a Connection for each message, only to find its pool."""
    key = (amqp_uri, confirms)
    if key not in _pools:
        options = {**DEFAULT_TRANSPORT_OPTIONS, "confirm_publish": confirms}
        _pools[key] = producers[Connection(amqp_uri, transport_options=options)]
    with _pools[key].acquire(block=True) as producer:
        yield producer


def tune():
    """Make the whole process tuned."""
    nameko.rpc.Responder.publisher_cls = ReplyPublisher
    nameko.amqp.publish.get_producer = pooled_producer
    kombu.serialization.register("orjson", orjson.dumps, orjson.loads, "application/x-orjson", "binary")


def runner(settings):
    """A runner of either version."""
    warnings.filterwarnings("ignore", message="Use ``nameko.config``", category=DeprecationWarning)
    if not IS_NEW:
        return ServiceRunner(settings)
    nameko.config.setup(settings)
    return ServiceRunner()


def prepared(form, amqp_url):
    """The settings and the proxy of a form."""
    if form == "tuned":
        tune()
        return {"AMQP_URI": amqp_url, "serializer": "orjson"}, TunedRpcProxy
    return {"AMQP_URI": amqp_url}, nameko.rpc.RpcProxy
