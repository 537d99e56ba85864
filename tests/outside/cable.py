"""A cable between adb and a phone: ``cable.py PORT PHONES-PORT [--without FEATURE…] [--breaks-after BYTES]
[--garbles TEXT]``.

Without a feature, the phone is one that does not have it: it is left out where the phone introduces itself. A cable
that breaks after some bytes towards the phone does so once, and is whole when plugged in again. A text that is garbled
arrives there in capitals.
"""

import argparse
import socket
import struct
import threading
from collections.abc import Callable

HEADER = 24


class BrokenCableError(Exception):
    """The cable is."""


def introduced(stream: socket.SocketIO, without: list[str]) -> bytes:
    """The phone's CNXN message, less some of the features that it lists."""
    header = stream.read(HEADER)
    code, version, most, size, _, magic = struct.unpack("<6I", header)
    banner = stream.read(size).decode()
    before, _, features = banner.partition("features=")
    kept = ",".join(one for one in features.split(",") if one not in without)
    data = f"{before}features={kept}".encode()
    return struct.pack("<6I", code, version, most, len(data), sum(data), magic) + data


Through = Callable[[bytes], bytes]
"""What becomes of some bytes."""


def pump(source: socket.socket, target: socket.socket, through: Through) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(through(data))
    except (OSError, BrokenCableError):
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


def carry(adb: socket.socket, port: int, without: list[str], through: Through) -> None:
    phone = socket.create_connection(("127.0.0.1", port))

    def back() -> None:
        if without:
            with phone.makefile("rb", buffering=0) as stream:
                adb.sendall(introduced(stream, without))
        pump(phone, adb, bytes)

    threading.Thread(target=back, daemon=True).start()
    pump(adb, phone, through)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("phone", type=int)
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--breaks-after", type=int)
    parser.add_argument("--garbles", type=str.encode)
    told = parser.parse_args()
    left = told.breaks_after

    def through(data: bytes) -> bytes:
        nonlocal left
        if left is not None:
            left -= len(data)
            if left < 0:
                left = None
                raise BrokenCableError
        return data.replace(told.garbles, told.garbles.upper()) if told.garbles else data

    listener = socket.create_server(("127.0.0.1", told.port))
    while True:
        adb, _ = listener.accept()
        threading.Thread(target=carry, args=(adb, told.phone, told.without, through), daemon=True).start()


if __name__ == "__main__":
    main()
