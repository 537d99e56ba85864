"""Programs that pass for ``benchmark_model`` on a loop phone: real ELF files that run a script.

``the_real_one`` measures with this machine's LiteRT, started by the phone's daemon with the file that was pushed; the
others say what a test wants to hear.
"""

import platform
import struct
import sys
from pathlib import Path

import ai_edge_litert

TOOL = Path(__file__).with_name("tool_on_phone.py")
X86_64, AARCH64 = 62, 183
HERE = {"x86_64": X86_64}.get(platform.machine())
"""What this machine runs of what ``elf`` makes."""

_BASE, _HEADERS = 0x400000, 64 + 56
_SHELL = b"/system/bin/sh\0"
_LIFE_US = 50_000
"""As long as a real one takes to start, at least: of a program that ends within a millisecond, toybox's ``timeout``
(0.8.9) may say 127."""


def elf(script: str, machine: int = X86_64) -> bytes:
    """A program that runs a script in the phone's shell with its own arguments: ``sh -c SCRIPT NAME ARGUMENTS…``.

    Args:
        script: In mksh; less than 128 KiB, as Linux limits an argument.
        machine: What it claims to be for; it is x86_64's.
    """
    words = [_SHELL, b"-c\0", script.encode() + b"\0"]
    places, offset = [], _HEADERS + len(_code(0, 0, 0))
    for word in words:
        places.append(_BASE + offset)
        offset += len(word)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, offset, offset, 0x1000)
    return header + segment + _code(*places) + b"".join(words)


def _code(shell: int, flag: int, script: int) -> bytes:
    """execve(shell, [shell, "-c", script, *argv], envp), and exit(127) should that fail."""

    def address(place: int) -> bytes:
        return struct.pack("<I", place)

    return b"".join(
        (
            b"\x48\x8b\x0c\x24",  # mov rcx, [rsp]          argc
            b"\x48\x8d\x74\x24\x08",  # lea rsi, [rsp + 8]      argv
            b"\x48\x8d\x54\xce\x08",  # lea rdx, [rsi + rcx*8 + 8]   envp
            b"\x6a\x00",  # push 0
            b"\x48\x85\xc9\x74\x09",  # again: test rcx, rcx; jz done
            b"\xff\x74\xce\xf8",  # push [rsi + rcx*8 - 8]
            b"\x48\xff\xc9\xeb\xf2",  # dec rcx; jmp again
            b"\x68" + address(script),  # done: push script
            b"\x68" + address(flag),  # push "-c"
            b"\x68" + address(shell),  # push shell
            b"\x48\x89\xe6",  # mov rsi, rsp
            b"\xbf" + address(shell),  # mov edi, shell
            b"\xb8\x3b\0\0\0\x0f\x05",  # mov eax, 59; syscall    execve
            b"\xbf\x7f\0\0\0\xb8\x3c\0\0\0\x0f\x05",  # mov edi, 127; mov eax, 60; syscall    exit
        )
    )


FLAGS = """
    graph num_threads num_runs min_secs max_secs warmup_runs warmup_min_secs input_layer input_layer_shape
    input_layer_value_files output_filepath use_xnnpack use_gpu gpu_precision_loss_allowed use_nnapi
    require_full_delegation external_delegate_path external_delegate_options report_peak_memory_footprint
""".split()  # noqa: SIM905


def usage(flags: list[str] = FLAGS) -> str:
    """What ``--help`` prints."""
    lines = "".join(f"\t--{name}=  \tstring\toptional\twhat {name} is\n" for name in flags)
    return f"INFO: STARTING!\nERROR: usage: ./benchmark_model <flags>\nFlags:\n{lines}\nERROR: Benchmarking failed.\n"


def saying(run: str, flags: list[str] = FLAGS) -> bytes:
    """A program that knows flags, and does something when it is run.

    Args:
        run: Commands for the shell.
        flags: What it has.
    """
    help_text = f"cat <<'_END_'\n{usage(flags)}_END_\nexit 1"
    return elf(f'usleep {_LIFE_US}; if [ "$1" = --help ]; then {help_text}; fi\n{run}\n')


def replaying(log: str, status: int = 0, flags: list[str] = FLAGS) -> bytes:
    """A program that prints a log, and ends."""
    return saying(f"cat <<'_END_'\n{log.rstrip()}\n_END_\nexit {status}", flags)


def host_paths() -> list[str]:
    """What ``the_real_one`` needs of this machine."""
    needed = {"/usr", "/proc", "/sys", sys.prefix, sys.base_prefix, str(TOOL.parent)}
    needed |= {str(Path(ai_edge_litert.__file__).resolve().parent.parent)}
    return sorted(needed)


def the_real_one(flags: list[str] = FLAGS, *, then: str = ":") -> bytes:
    """A program that measures, and writes the output, by LiteRT on this machine's processor.

    Args:
        flags: What it has.
        then: Commands for the shell afterwards; ``$out`` is the file it wrote.
    """
    packages = Path(ai_edge_litert.__file__).resolve().parent.parent
    run = f"""
graph=/dev/null in=/dev/null out=/dev/null
for word in "$@"; do
  case "$word" in
    --graph=*) graph="${{word#*=}}";;
    --input_layer_value_files=*) in="${{word##*:}}";;
    --output_filepath=*) out="${{word#*=}}";;
  esac
done
chroot /host /usr/bin/env PYTHONPATH='{packages}' PYTHONDONTWRITEBYTECODE=1 HOME=/ \\
  '{sys.executable}' '{TOOL}' "{" ".join(flags)}" "$@" 3<"$graph" 4<"$in" 5>"$out"
status=$?
{then}
exit $status"""
    return saying(run, flags)
