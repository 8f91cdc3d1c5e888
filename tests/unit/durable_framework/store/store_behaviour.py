"""What every store has to do: a subclass says which one, and pytest runs all of this on it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.store.store import Change, Store, Stored
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.errors import StoreError


def make_driver(number: int, **fields: object) -> Driver:
    """A queued driver; its text is what text can be."""
    submission = Submission(
        app_resource="http://files.example/app.jar?signature=a%20b",
        main_class="org.example.Main",
        app_args=("", "two words", "line\nbreak", "naïve ☃ 𝄞", "nul\0", "'\"$`\\"),
        properties={"spark.app.name": "name", "spark.example.password": "opensesame", "spark.empty": ""},
        environment={"SPARK_ENV": "ü"},
        name="name",
        cores=0.5,
        heap=1024,
        memory=1408,
    )
    driver = Driver(f"driver-20260131120000-{number:04d}", number, submission, submitted_at=1_770_000_000.25)
    return replace(driver, **fields)  # type: ignore[arg-type]


def make_launched_driver(number: int) -> Driver:
    """One that has everything that a driver can have."""
    driver = make_driver(number)
    return replace(
        driver,
        submission=replace(driver.submission, supervise=True, max_retries=3, queue="urgent", priority=2.5),
        state=State.FINISHED,
        token="token",
        launch=Launch(
            f"{driver.id}-retry-1", "agent-S0", "agent.example", "http://agent.example:5051", "fw", 1.5
        ),
        launches=2,
        status=TaskStatus(
            f"{driver.id}-retry-1", "TASK_FAILED", "agent-S0", "exit 1", "REASON_X", uuid="dQ=="
        ),
        retries=1,
        wait=2.0,
        next_retry_at=1_770_000_004.0,
        kill_requested=True,
        outcome=Outcome.KILLED,
        detail="killed",
        finished_at=1_770_000_010.0,
    )


class StoreBehaviour:
    """Subclasses say how to open a place, and how to spoil a driver in it."""

    def open(self, place: Path) -> Store[Driver]:
        """Open the store of this name; each test has its own."""
        raise NotImplementedError

    def overwrite(self, place: Path, driver_id: str, text: bytes) -> None:
        """Put something else in a driver's place. No store is open then."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "dispatcher-1" / "drivers.db"

    def write(self, place: Path, *changes: Change) -> None:
        store = self.open(place)
        try:
            store.apply(changes)
        finally:
            store.close()

    def read(self, place: Path) -> Stored[Driver]:
        store = self.open(place)
        try:
            return store.load()
        finally:
            store.close()

    def test_a_new_one_is_empty(self, place: Path) -> None:
        assert self.read(place) == Stored((), None, 1)

    def test_what_is_written_is_there_after_reopening(self, place: Path) -> None:
        drivers = make_driver(1), make_launched_driver(2)
        self.write(place, *map(Save, drivers), SaveFramework("framework-0001"))
        assert self.read(place) == Stored(drivers, "framework-0001", 3)

    def test_it_is_there_at_once(self, place: Path) -> None:
        store = self.open(place)
        try:
            store.apply([Save(make_driver(1))])
            assert store.load() == Stored((make_driver(1),), None, 2)
            store.apply([Save(make_driver(2)), SaveFramework("a")])
            assert store.load() == Stored((make_driver(1), make_driver(2)), "a", 3)
        finally:
            store.close()

    def test_a_driver_that_is_saved_again_takes_its_own_place(self, place: Path) -> None:
        self.write(place, Save(make_driver(1)), Save(make_driver(2)))
        changed = replace(make_driver(1), state=State.LAUNCHED, launches=1)
        self.write(place, Save(changed))
        assert self.read(place).records == (changed, make_driver(2))

    def test_changes_of_one_list_are_made_in_order(self, place: Path) -> None:
        once, twice = make_driver(1), replace(make_driver(1), launches=2)
        gone = make_driver(2)
        back = make_driver(3)
        self.write(place, Save(back))
        self.write(
            place,
            Save(once),
            Save(gone),
            SaveFramework("a"),
            Forget(back.id),
            Save(twice),
            Forget(gone.id),
            SaveFramework(None),
            SaveFramework("b"),
            Save(back),
        )
        assert self.read(place) == Stored((twice, back), "b", 4)

    def test_drivers_come_in_the_order_of_their_acceptance(self, place: Path) -> None:
        numbers = [10_000, 3, 9_999, 1, 100_000]
        self.write(place, *(Save(make_driver(number)) for number in numbers))
        assert [driver.number for driver in self.read(place).records] == sorted(numbers)

    def test_no_number_is_used_twice(self, place: Path) -> None:
        self.write(place, Save(make_driver(7)), Save(make_driver(5)))
        self.write(place, Forget(make_driver(7).id))
        self.write(place, Save(make_driver(2)))
        assert self.read(place).next_number == 8
        # Also if it was never there on its own.
        self.write(place, Save(make_driver(20)), Forget(make_driver(20).id))
        assert self.read(place).next_number == 21

    def test_the_framework_is_forgotten(self, place: Path) -> None:
        self.write(place, SaveFramework("a"))
        self.write(place, SaveFramework(None))
        assert self.read(place).framework_id is None

    def test_to_forget_what_is_not_there_is_no_error(self, place: Path) -> None:
        self.write(place, Forget("driver-20260131120000-0404"), Save(make_driver(1)))
        assert self.read(place).records == (make_driver(1),)

    def test_nothing_to_do(self, place: Path) -> None:
        self.write(place)
        assert self.read(place) == Stored()

    def test_more_than_a_request_to_zookeeper_can_hold(self, place: Path) -> None:
        drivers = tuple(map(make_driver, range(1, 2001)))
        self.write(place, *map(Save, drivers), SaveFramework("framework-0001"))
        assert self.read(place) == Stored(drivers, "framework-0001", 2001)
        self.write(place, *(Forget(driver.id) for driver in drivers[1:]), SaveFramework(None))
        assert self.read(place) == Stored(drivers[:1], None, 2001)

    def test_a_large_driver(self, place: Path) -> None:
        driver = make_driver(1)
        large = replace(driver, submission=replace(driver.submission, app_args=("ab☃" * 500_000,)))
        self.write(place, Save(large), Save(make_driver(2)))
        self.write(place, Save(replace(large, launches=1)))
        assert self.read(place).records == (replace(large, launches=1), make_driver(2))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"", "not the JSON"),
            (b"\xff\xfe\0secret", ""),
            (b"[" * 100_000, "not the JSON"),
            (b'"secret"', "not the JSON"),
            (b'{"version": 1}', "has no field 'id'"),
            (b'{"version": 99}', "not the JSON"),
            (json.dumps(make_driver(2).to_json()).encode(), "id that is not its own"),
            (json.dumps({**make_driver(1).to_json(), "number": "1"}).encode(), "its number is none"),
            (json.dumps({**make_driver(1).to_json(), "state": "secret"}).encode(), "not the JSON"),
            (json.dumps({**make_driver(1).to_json(), "launch": {"secret": 1}}).encode(), "not the JSON"),
        ],
        ids=range(10),
    )
    def test_what_cannot_be_understood_is_left_out(
        self, place: Path, text: bytes, reason: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        spoilt = make_driver(1)
        self.write(place, Save(spoilt), Save(make_driver(3)), SaveFramework("a"))
        self.overwrite(place, spoilt.id, text)
        for _ in range(2):  # it is neither lost nor mended
            caplog.clear()
            with caplog.at_level(logging.ERROR):
                assert self.read(place) == Stored((make_driver(3),), "a", 4)
            (record,) = caplog.records
            assert spoilt.id in record.getMessage()
            assert reason in record.getMessage()
            assert "secret" not in record.getMessage()
        self.overwrite(place, spoilt.id, json.dumps(spoilt.to_json()).encode())
        assert self.read(place).records == (spoilt, make_driver(3))

    def test_one_that_is_closed_says_so(self, place: Path) -> None:
        store = self.open(place)
        store.close()
        store.close()
        with pytest.raises(StoreError):
            store.apply([Save(make_driver(1))])
        with pytest.raises(StoreError):
            store.load()
        assert self.read(place) == Stored()
