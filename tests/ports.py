"""Ports for servers that can't say which one the system gave them."""

import random
import socket
from contextlib import suppress


def free() -> int:
    """A port that nobody has, and that nobody is given before the server takes it."""
    # Below those that the system hands out.
    for port in random.sample(range(20_000, 30_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
