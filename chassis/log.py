"""Logs: one JSON object a line on standard error; facts, never sentences, addresses, tokens or names."""

import logging
import sys
import traceback
from typing import Any

import orjson
import structlog


def _json(facts: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(facts, default=repr).decode()


def configure(participant: str, level: str = "INFO") -> None:
    """Log as JSON from now on; libraries' own logs go the same way, warnings and above."""

    def say_who(_logger: Any, _method: str, facts: dict[str, Any]) -> dict[str, Any]:
        return {"participant": participant, **facts}

    shared: list[Any] = [
        say_who,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(_json), foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("nameko").setLevel(logging.CRITICAL)  # It logs errors with their texts; the entrypoints log them without.


def get() -> Any:
    """A logger; call it with the fact's name and its facts."""
    return structlog.get_logger()


def describe(error: BaseException) -> dict[str, Any]:
    """An error's type and where it arose, without its text: texts hold addresses and values."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    cause = error.__cause__ or error.__context__
    return {
        "error": type(error).__name__,
        "cause": type(cause).__name__ if cause else None,
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }
