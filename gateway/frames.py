"""The frames of AMQP 0-9-1 that each call consists of, read by hand; pamqp knows the others.

They are all that the broker says at every call, and pamqp's general way with them was a fifth of a request's processor time.
"""

import struct
from typing import cast

from pamqp import commands, frame
from pamqp.base import Frame

CHANNEL = 1
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8  # Kinds of frames.
ACK, NACK = commands.Basic.Ack.index, commands.Basic.Nack.index
DELIVER, RETURN = commands.Basic.Deliver.index, commands.Basic.Return.index
END = 0xCE

HEAD = struct.Struct(">BHI")  # Kind, channel, size.
INDEX = struct.Struct(">I")  # A method's class and number.
CONFIRMATION = struct.Struct(">IQB")  # The method, up to which message, whether all before it too.
CONTENT = struct.Struct(">HHQH")  # Class, weight, size of the body, which properties follow.

CORRELATION_ID = 1 << 10
BEFORE_IT = ((1 << 15, "short"), (1 << 14, "short"), (1 << 13, "table"), (1 << 12, "octet"), (1 << 11, "octet"))


def to_wire(kind: int, payload: bytes) -> bytes:
    """One frame of the one channel."""
    return HEAD.pack(kind, CHANNEL, len(payload)) + payload + b"\xce"


def method(one: Frame) -> bytes:
    """A method of the connection, or of its one channel."""
    return frame.marshal(one, 0 if one.name.startswith("Connection.") else CHANNEL)


def read_method(payload: bytes) -> Frame:
    """A method that arrived."""
    return cast(Frame, frame.unmarshal(to_wire(METHOD, payload))[2])


def read_content(payload: bytes) -> tuple[int, str]:
    """The size of a message's body, and its correlation id."""
    _, _, size, flags = CONTENT.unpack_from(payload)
    if not flags & CORRELATION_ID:
        return size, ""
    at = CONTENT.size
    for flag, kind in BEFORE_IT:
        if flags & flag:
            at += _size(kind, payload, at)
    return size, payload[at + 1 : at + 1 + payload[at]].decode()


def _size(kind: str, payload: bytes, at: int) -> int:
    if kind == "short":
        return 1 + payload[at]
    return 1 if kind == "octet" else INDEX.size + int(INDEX.unpack_from(payload, at)[0])
