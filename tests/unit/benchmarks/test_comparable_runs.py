from __future__ import annotations

from dataclasses import replace

from benchmarks.comparable_runs import differences
from benchmarks.shuffle_figures import median_shuffle, shuffle_figures
from benchmarks.spark_runs import Run


def task(stage: int, *, written: int = 0, remote: int = 0, local: int = 0):
    """The end of a task that took 2 ms to write, and waited for 3 ms."""
    metrics = {
        "Shuffle Write Metrics": {"Shuffle Bytes Written": written, "Shuffle Write Time": 2_000_000},
        "Shuffle Read Metrics": {
            "Remote Bytes Read": remote,
            "Local Bytes Read": local,
            "Fetch Wait Time": 3,
        },
    }
    return {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": metrics}


def stage(number: int, began: int, ended: int):
    info = {"Stage ID": number, "Submission Time": began, "Completion Time": ended}
    return {"Event": "SparkListenerStageCompleted", "Stage Info": info}


EVENTS = [
    {"Event": "SparkListenerTaskEnd", "Stage ID": 0},  # it was lost, so nothing is known of it
    task(0),  # a sample is taken
    stage(0, 0, 5_000),
    *(task(1, written=100) for _ in range(3)),
    stage(1, 5_000, 9_000),
    *(task(2, remote=100, local=50) for _ in range(2)),
    stage(2, 9_000, 10_500),
]
FIGURES = shuffle_figures(EVENTS)
RUN = Run({}, 1.0, (("h", 1, 1000),), {"spark.executor.extraJavaOptions": "-Xint"}, FIGURES, "")


def test_figures_are_of_the_stages_that_shuffle():
    assert (FIGURES.written_bytes, FIGURES.read_bytes, FIGURES.remote_bytes) == (300, 300, 200)
    assert FIGURES.partitions == (3, 2)
    assert FIGURES.reduce_seconds == 1.5
    assert round(FIGURES.write_seconds, 6) == 0.010
    assert round(FIGURES.fetch_wait_seconds, 6) == 0.015


def test_who_shuffles_nothing_has_figures_too():
    figures = shuffle_figures([task(0), stage(0, 0, 5_000)])
    assert (figures.written_bytes, figures.reduce_seconds, figures.partitions) == (0, 0, ())


def test_medians_are_taken_figure_by_figure():
    several = [replace(FIGURES, written_bytes=size, reduce_seconds=10 - size) for size in (1, 2, 9)]
    assert median_shuffle(several) == replace(FIGURES, written_bytes=2, reduce_seconds=8)


def test_runs_that_are_alike():
    other = replace(RUN, jobs=2.0, shuffle=replace(FIGURES, written_bytes=302, fetch_wait_seconds=9))
    assert differences({"Mesos": [RUN, RUN], "standalone": [other]}) == []


def test_what_differs_is_told_once():
    options = replace(
        RUN, properties={"spark.executor.extraJavaOptions": "-Xint", "spark.memory.fraction": "1"}
    )
    size = replace(RUN, executors=(("i", 2, 1000),))
    shuffle = replace(RUN, shuffle=replace(FIGURES, written_bytes=304, partitions=(3, 3)))
    assert differences({"Mesos": [RUN], "standalone": [RUN, options, options, size, shuffle]}) == [
        "standalone: spark.memory.fraction is '1' instead of None",
        "standalone: executors (host, cores, bytes) (('i', 2, 1000),) instead of (('h', 1, 1000),)",
        "standalone: partitions (3, 3) instead of (3, 2)",
        "standalone: 304 bytes shuffled instead of 300",
    ]
