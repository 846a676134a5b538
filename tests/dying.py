"""Commands that are killed or interrupted at a step, or when they have worked for so long.

Whoever watches a process, to kill it when he sees what it does, comes too late where the machine is
busy or the disk is fast. These end themselves, at once and without a last word.
"""

import os
import signal
import subprocess
import sys

_BEFORE_A_STEP = """
import os, sys
from importlib import import_module

module, _, path = sys.argv.pop(1).partition(":")
left, number = int(sys.argv.pop(1)), int(sys.argv.pop(1))
*within, name = path.split(".")
owner = import_module(module)
for part in within:
    owner = getattr(owner, part)
step = getattr(owner, name)

def counted(*given, **named):
    global left
    left -= 1
    if left == -1:
        os.kill(os.getpid(), number)
    return step(*given, **named)

setattr(owner, name, counted)
from jobs.cli.app import main
main()
"""

# The system ends a process whose timer runs out, and the timer runs while the process works.
_AFTER_A_WHILE = """
import signal, sys

signal.setitimer(signal.ITIMER_PROF, float(sys.argv.pop(1)))
from jobs.cli.app import main
main()
"""


def killed_before(step: str, calls: int, *arguments: object) -> None:
    """Run a command that is killed before it calls a function, `module:name` or
    `module:Class.name`, once more than so many times."""
    done = _run(_BEFORE_A_STEP, step, calls, int(signal.SIGKILL), *arguments)
    assert done.returncode == -signal.SIGKILL


def interrupted_before(
    step: str, calls: int, *arguments: object
) -> subprocess.CompletedProcess[bytes]:
    """Run a command that is sent ^C at such a step."""
    return _run(_BEFORE_A_STEP, step, calls, int(signal.SIGINT), *arguments)


def killed_after(seconds: float, *arguments: object) -> bool:
    """Run a command that is killed when it has used so many seconds of CPU; whether it came to that."""
    return _run(_AFTER_A_WHILE, seconds, *arguments).returncode == -signal.SIGPROF


def seconds_of(*arguments: object) -> float:
    """Run a command to its end; how many seconds of CPU it used."""
    before = os.times()
    assert not killed_after(600, *arguments)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def _run(program: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=600)
