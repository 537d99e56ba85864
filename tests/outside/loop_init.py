"""The first process of a world of its own: ``loop_init.py``, orders in JSON on stdin, one a line, an answer to each.

``{"start": NAME, "argv": …, "port": …}`` runs a process until ``{"stop": NAME}``, and waits until it listens. When
stdin ends, so does this process, and as it is the first of a process namespace, all that it started. Knows the standard
library only.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SYS_SOCKET = {"x86_64": 41, "aarch64": 198}
LOAD, EQUAL, RETURN, ALLOW, REFUSE = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
EAFNOSUPPORT = 97


def loopback_up() -> None:
    """The one network device there is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))


def no_virtual_sockets() -> None:
    """Debian's adbd also listens on AF_VSOCK, which no network namespace holds: socket() refuses that family."""
    program = (
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 3, SYS_SOCKET[os.uname().machine]),
        (LOAD, 0, 0, 16),
        (EQUAL, 0, 1, socket.AF_VSOCK),
        (RETURN, 0, 0, REFUSE | EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp filter")


def no_usb() -> None:
    """adb's server looks for phones at the machine's ports too."""
    if Path("/dev/bus/usb").is_dir():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/bus/usb"], check=True)


def answer(order: dict, running: dict[str, subprocess.Popen]) -> bool:
    """Start or stop a process; whether it now listens, or has been there."""
    if name := order.get("start"):
        with open(order["log"], "ab") as log:
            running[name] = subprocess.Popen(order["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return listens(order["port"])
    process = running.pop(order["stop"], None)
    if process:
        process.kill()
        process.wait()
    return bool(process)


def listens(port: int) -> bool:
    """Whether something does within five seconds."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False


def main() -> None:
    loopback_up()
    no_virtual_sockets()
    no_usb()
    running: dict[str, subprocess.Popen] = {}
    sys.stdout.write("true\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line), running)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
