"""Runs as the child: ties its life to its parent's, drops privileges, becomes the program.

A program of its own, started by `runtime.child` with bare Python: PARENT SIGNAL UID GID COMMAND...
A function run between fork and exec would do the same, but may deadlock under threads.
"""

import ctypes
import os
import sys

# linux/prctl.h: the signal this process gets when its parent dies.
_PR_SET_PDEATHSIG = 1
# What a shell answers when a program cannot be run.
_CANNOT_RUN = 126


def main() -> None:
    """Never returns: the process becomes the command or ends."""
    parent, death_signal, uid, gid = (int(word) for word in sys.argv[1:5])
    command = sys.argv[5:]
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which clears it.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit(_CANNOT_RUN)  # it died before the line above
    try:
        os.execv(command[0], command)  # noqa: S606 - our own command, no shell wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(_CANNOT_RUN)


if __name__ == "__main__":
    main()
