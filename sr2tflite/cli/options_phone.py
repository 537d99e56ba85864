"""Options of ``bench --android``, and what they come to."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.options import FILE, Decorated

if TYPE_CHECKING:
    from sr2tflite.bench.phone.plan import PhonePlan

_SECONDS = click.FloatRange(min=0, min_open=True)

_OPTIONS = (
    click.option("--android", is_flag=True, help="On a phone by adb instead of on this machine."),
    click.option("--serial", "serials", multiple=True, envvar="ANDROID_SERIAL", help="Which phone; host:port too."),
    click.option("--all-devices", is_flag=True, help="All phones that adb can use, in parallel."),
    click.option("--benchmark-model", type=FILE, help="The tool, or a folder of ABI/benchmark_model; else the cache."),
    click.option("--adb", type=FILE, help="The adb program; else it is looked for."),
    click.option(
        "--delegate", type=click.Choice(["cpu", "gpu", "nnapi", "external"]), help="Which unit.  [default: cpu]"
    ),
    click.option("--delegate-library", multiple=True, type=FILE, help="Of an external one; then those that it loads."),
    click.option("--delegate-option", multiple=True, metavar="KEY=VALUE", help="Of the delegate; may be repeated."),
    click.option("--any-core", is_flag=True, help="Do not hold the runs on the phone's fast processors."),
    click.option("--max-temp", type=float, metavar="C", help="Wait until skin and battery are cooler.  [default: 38]"),
    click.option("--cool-limit", type=_SECONDS, metavar="S", help="Wait no longer than this.  [default: 600]"),
    click.option("--timeout", type=_SECONDS, metavar="S", help="For one call of benchmark_model.  [default: 600]"),
    click.option("--no-check-output", is_flag=True, help="Do not compare the phone's output with this machine's."),
    click.option("--no-profile", is_flag=True, help="No passes for memory and the times of ops."),
)


def phone_options(function: Decorated) -> Decorated:
    """What only a measurement on phones takes, as one mapping ``phone``; empty without ``--android``.

    Raises:
        click.UsageError: Some of it is given without ``--android``.
    """
    names: list[str] = []

    @wraps(function)
    def gathered(*args: Any, **told: Any) -> Any:
        phone = {name: told.pop(name) for name in names}
        context = click.get_current_context()
        typed = [one for one in names if context.get_parameter_source(one) is click.core.ParameterSource.COMMANDLINE]
        if not phone["android"]:
            if typed:
                flag = next(one.opts[0] for one in context.command.params if one.name == typed[0])
                raise click.UsageError(f"{flag} goes with --android")
            phone = {}
        elif phone["all_devices"] and "serials" not in typed:
            phone["serials"] = ()  # the environment names a usual one
        return function(*args, phone=phone, **told)

    decorated: Decorated = gathered
    options: list[Callable[[Any], Any]] = list(reversed(_OPTIONS))
    for option in options:
        decorated = option(decorated)
    given = decorated.__click_params__[-len(_OPTIONS) :]  # type: ignore[attr-defined]
    names.extend(str(parameter.name) for parameter in given)
    return decorated


def phone_plan(phone: Mapping[str, Any], told: Mapping[str, Any]) -> "PhonePlan":
    """How to measure, out of the options.

    Args:
        phone: Those of :func:`phone_options`.
        told: Those that were given of what a measurement on this machine takes too.

    Raises:
        click.UsageError: One of them is for this machine alone.
        InputError: A delegate's words do not fit together.
    """
    from sr2tflite.bench.phone.cooling import Cooling
    from sr2tflite.bench.phone.cpu_groups import mask_of
    from sr2tflite.bench.phone.delegates import delegate_of
    from sr2tflite.bench.phone.plan import ANY, BIG, PhonePlan

    given = dict(told)
    if given.pop("sizes", None):
        raise click.UsageError("--sizes is for this machine; not with --android")
    if phone["serials"] and phone["all_devices"]:
        raise click.UsageError("--serial and --all-devices exclude each other")
    cpus = given.pop("cpus", None)
    if cpus and phone["any_core"]:
        raise click.UsageError("--cpus and --any-core exclude each other")
    affinity = mask_of(cpus) if cpus else ANY if phone["any_core"] else BIG
    cooling = {"max_c": phone["max_temp"], "limit_s": phone["cool_limit"]}
    limits = {} if phone["timeout"] is None else {"limit_s": phone["timeout"]}
    return PhonePlan(
        **given,
        **limits,
        delegate=delegate_of(phone["delegate"] or "cpu", phone["delegate_library"], phone["delegate_option"]),
        affinity=affinity,
        cooling=Cooling(**{key: value for key, value in cooling.items() if value is not None}),
        benchmark_model=phone["benchmark_model"],
        checks_output=not phone["no_check_output"],
        profiles=not phone["no_profile"],
    )
