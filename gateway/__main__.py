"""Start the gateway: `python -m gateway`."""

import asyncio
import contextlib

import uvloop

from chassis import log
from gateway.app import make_app
from gateway.bus import Bus
from gateway.health import Health, health_app
from gateway.server import serve, server
from gateway.settings import Settings, read_settings


async def run(settings: Settings) -> None:
    """Serve until a signal: pages and interface on one port, health on another, the bus beside them."""
    bus = Bus(settings.amqp_url, settings.signing_key)
    health = Health(bus, settings.services_health)
    calling = asyncio.create_task(bus.run())
    seconds = (settings.header_seconds, settings.write_seconds)
    await serve(
        server(make_app(bus, health, settings), settings.host, settings.port, *seconds),
        server(health_app(health, bus), settings.health_host, settings.health_port, *seconds),
    )
    calling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await calling


def main() -> None:
    """Read the settings, then run."""
    settings = read_settings()
    log.configure("gateway", settings.log_level)
    log.get().info("starting", port=settings.port, health_port=settings.health_port)
    uvloop.run(run(settings))


if __name__ == "__main__":
    main()
