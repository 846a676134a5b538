"""Commands that are killed at a step, or when they have worked for so long.

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
left = int(sys.argv.pop(1))
*within, name = path.split(".")
owner = import_module(module)
for part in within:
    owner = getattr(owner, part)
step = getattr(owner, name)

def counted(*given, **named):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
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
    assert _ended(_BEFORE_A_STEP, step, calls, *arguments) == -signal.SIGKILL


def killed_after(seconds: float, *arguments: object) -> bool:
    """Run a command that is killed when it has used so many seconds of CPU; whether it came to that."""
    return _ended(_AFTER_A_WHILE, seconds, *arguments) == -signal.SIGPROF


def seconds_of(*arguments: object) -> float:
    """Run a command to its end; how many seconds of CPU it used."""
    before = os.times()
    assert not killed_after(600, *arguments)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def _ended(program: str, *arguments: object) -> int:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False, timeout=600).returncode
