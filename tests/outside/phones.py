"""Fixtures: a world of loop phones, and phones of it in their first state. Skipped where they cannot be."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from outside import phone as root_tree
from outside.facts import all_facts, clocks
from outside.loop import CannotLoopError, World
from outside.loop_phone import Phone

Phones = Callable[[int], list[Phone]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on loop phones have the mark ``phone``: ``pytest -m phone``."""
    for item in items:
        if "world" in getattr(item, "fixturenames", ()):
            item.add_marker("phone")


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two phones that nobody knows yet. The long tier sets up what they are made of; the daily one loads nothing."""
    is_long = any(item.get_closest_marker("slow") for item in request.session.items)
    try:
        if is_long:
            root_tree.ready()
    except root_tree.NotSetUpError as reason:
        pytest.skip(f"no phone's root tree: {reason}")
    if not root_tree.installed():
        pytest.skip(f"no phone's root tree is set up; {root_tree.COMMAND}")
    adb = _adb()
    if adb is None:
        pytest.skip("no adb is here; pip install adbutils")
    try:
        made = World(root_tree.FOLDER / "root", tmp_path_factory.mktemp("world"), adb)
    except CannotLoopError as reason:
        pytest.skip(f"no loop phones: {reason}")
    yield made
    made.close()


@pytest.fixture
def phones(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Phones]:
    """Makes some phones known, fresh and plugged in; ``world.adb`` is the adb that knows them and no other."""
    for name in ("ANDROID_SERIAL", "ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)

    def known(count: int) -> list[Phone]:
        for number, phone in enumerate(world.phones[:count]):
            phone.reset(all_facts(ro_serialno=f"LOOP000{number + 1}"), clocks())
            world.connect(phone.serial)
        return world.phones[:count]

    world.tidy()
    yield known
    world.tidy()


@pytest.fixture
def phone(phones: Phones) -> Phone:
    """The one that is known."""
    return phones(1)[0]


def _adb() -> str | None:
    try:
        import adbutils
    except ImportError:
        return shutil.which("adb")
    return adbutils.adb_path()
