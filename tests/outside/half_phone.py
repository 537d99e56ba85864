"""The first words of an adbd that will not serve: ``half_phone.py PORT unauthorized|offline|hangup``.

Messages are those of AOSP's ``packages/modules/adb/protocol.txt``: six little-endian words, then data.
"""

import os
import socket
import struct
import sys

WORD, HEADER = "<6I", 24
TOKEN, SIGNATURE = 1, 2


def message(command: bytes, first: int, second: int, data: bytes = b"") -> bytes:
    code = int.from_bytes(command, "little")
    return struct.pack(WORD, code, first, second, len(data), sum(data), code ^ 0xFFFFFFFF) + data


def answer(state: str, command: bytes, kind: int) -> bytes:
    """An unauthorized phone asks again and again for a signature that it knows; an offline one is silent."""
    if state == "unauthorized" and (command == b"CNXN" or (command == b"AUTH" and kind == SIGNATURE)):
        return message(b"AUTH", TOKEN, 0, os.urandom(20))
    return b""


def serve(connection: socket.socket, state: str) -> None:
    with connection, connection.makefile("rb") as stream:
        while len(header := stream.read(HEADER)) == HEADER:
            code, kind, _, size, _, _ = struct.unpack(WORD, header)
            stream.read(size)
            if state == "hangup":
                return
            connection.sendall(answer(state, code.to_bytes(4, "little"), kind))


def main() -> None:
    listener, state = socket.create_server(("127.0.0.1", int(sys.argv[1]))), sys.argv[2]
    while True:
        connection, _ = listener.accept()
        try:
            serve(connection, state)
        except OSError:
            continue


if __name__ == "__main__":
    main()
