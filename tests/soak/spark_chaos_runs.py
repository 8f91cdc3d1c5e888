"""Chaos around a Spark application, many times, in all the ways in which it can be run; with a table of what came out.

Runs as `python -m tests.soak.spark_chaos_runs`, or by scripts/soak. A run that fails does not end the others, and its logs and
records stay. The table is a file that grows with each run. Exits with 1 if one found something, or was not made in time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import INSTALLED, spark_of
from tests.soak.chaos_program import Outcome, Say, end_on_sigterm, first_seed, run_once
from tests.soak.spark_chaos import SparkReport, prepared, run_chaos
from tests.soak.spark_chaos_executors import can_cut
from tests.soak.spark_chaos_plan import Blow, Size

_MOST_CHARACTERS = 100
"""Of a problem in the table."""


@dataclass(frozen=True)
class Variant:
    """A way to run the application."""

    share: int
    """Of fifty runs."""
    options: Mapping[str, Any]
    """Fields of Size."""
    spark: str = SPARK_4


VARIANTS: Mapping[str, Variant] = {
    "static": Variant(10, {}),
    "dynamic": Variant(8, {"dynamic": True}),
    "decommission": Variant(6, {"decommission": True}),
    "masters": Variant(8, {"masters": 3}),
    "dynamic-decommission-masters": Variant(6, {"dynamic": True, "decommission": True, "masters": 3}),
    "service": Variant(6, {"dynamic": True, "service": True}),
    "service-masters": Variant(4, {"dynamic": True, "service": True, "masters": 3}),
    INSTALLED: Variant(2, {"masters": 3, "spares_executors": True}, INSTALLED),
}


def order(count: int) -> Sequence[str]:
    """The variants of so many runs, each as often as its share, and spread over all: that of whom most is missing is next."""
    whole = sum(variant.share for variant in VARIANTS.values())
    done: Counter[str] = Counter()
    names = []
    for number in range(1, count + 1):
        name = max(VARIANTS, key=lambda one: VARIANTS[one].share * number / whole - done[one])
        done[name] += 1
        names.append(name)
    return names


@dataclass(frozen=True)
class Row:
    """One run, for the table."""

    variant: str
    outcome: Outcome[SparkReport]

    @property
    def cells(self) -> Sequence[str]:
        """What the table says of it, in the order of HEADS."""
        report = self.outcome.report or SparkReport()
        stages = f"{report.stages} ({report.again[0]}+{report.again[1]})"
        lost, unexplained = report.agents_lost
        problems = [problem.splitlines()[0][:_MOST_CHARACTERS] for problem in self.outcome.problems]
        return (
            str(self.outcome.seed),
            self.variant,
            kinds(report.counts),
            kinds(report.skipped),
            stages,
            str(report.launches),
            f"{report.charged}/{report.charged + report.forgiven}",
            f"{lost}/{unexplained}",
            f"{self.outcome.seconds:.0f}",
            "; ".join(problems).replace("|", "\\|") or "none",
        )


HEADS = (
    *(
        "Seed",
        "Variant",
        "Strikes",
        "Met nobody",
        "Stages (again in jobs 1+2)",
        "Launches",
        "Charged of lost",
    ),
    *("Agents lost/unexplained", "Seconds", "Problems"),
)


def kinds(counts: Counter[Blow]) -> str:
    """How often what happened, in short."""
    return ", ".join(
        f"{blow.name} {number}" for blow, number in sorted(counts.items(), key=lambda one: one[0].name)
    )


def summary(rows: Sequence[Row], planned: int) -> Iterator[str]:
    """What came of all runs together, as lines of Markdown."""
    done, skipped = Counter[Blow](), Counter[Blow]()
    reports = [row.outcome.report for row in rows if row.outcome.report is not None]
    for report in reports:
        done += report.counts
        skipped += report.skipped
    failed = [str(row.outcome.seed) for row in rows if row.outcome.problems]
    yield (
        f"{len(rows)} of {planned} runs, {len(failed)} with problems{': ' if failed else ''}{', '.join(failed)}; "
        + (
            f"{sum(row.outcome.seconds for row in rows) / 60:.0f} minutes, {sum(one.launches for one in reports)} launches, "
            f"{sum(one.charged for one in reports)} tasks charged, {sum(one.forgiven for one in reports)} lost and not charged, "
            f"{sum(one.stages for one in reports)} stages, {sum(sum(one.again) for one in reports)} done again."
        )
    )
    yield ""
    yield "| Strike | Times | Met nobody |"
    yield "| --- | --- | --- |"
    for blow in Blow:
        yield f"| {blow.value} | {done[blow]} | {skipped[blow]} |"
    yield f"| all | {done.total()} | {skipped.total()} |"


def line(cells: Sequence[str]) -> str:
    """A row of a table of Markdown."""
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and writes down what came out."""
    parser = argparse.ArgumentParser(prog="spark_chaos_runs", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50, help="[%(default)s]; each with the next seed")
    parser.add_argument("--seed", type=int, help="of the first one; without it, a new one, which is printed")
    parser.add_argument("--strikes", type=int, default=8, help="of each [%(default)s]")
    parser.add_argument(
        "--variant", choices=list(VARIANTS), help="only this one [all, each as often as it should be]"
    )
    parser.add_argument("--minutes", type=float, help="no run begins when so many have passed")
    parser.add_argument(
        "--output",
        type=Path,
        help="a new folder for the table, and what failed runs leave [spark-chaos-TIME]",
    )
    asked = parser.parse_args(arguments)
    begin = time.monotonic()
    folder: Path = (
        asked.output or Path(f"spark-chaos-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}")
    ).absolute()
    folder.mkdir(parents=True)
    table = folder / "table.md"
    first = first_seed(asked)
    names = order(asked.runs) if asked.variant is None else [asked.variant] * asked.runs
    table.write_text(f"{line(HEADS)}\n{line(['---'] * len(HEADS))}\n", encoding="utf-8")
    print(f"spark_chaos_runs: {asked.runs} runs from seed {first} on; the table is {table}", flush=True)
    rows: list[Row] = []
    for seed, name in enumerate(names, first):
        if asked.minutes is not None and time.monotonic() - begin > 60 * asked.minutes:
            break
        rows.append(Row(name, _run(seed, name, asked.strikes, folder)))
        _append(table, line(rows[-1].cells))
    _append(table, "", *summary(rows, asked.runs))
    print(f"spark_chaos_runs: {next(summary(rows, asked.runs))}", flush=True)
    return int(len(rows) < asked.runs or any(row.outcome.problems for row in rows))


def _run(seed: int, name: str, strikes: int, folder: Path) -> Outcome[SparkReport]:
    variant = VARIANTS[name]

    def run(seed: int, folder: Path, say: Say) -> SparkReport:
        # What cannot be had, or compiled, is a problem of this run alone.
        size = Size(strikes=strikes, cuts_executors=can_cut(), **variant.options)
        spark = spark_of(variant.spark)
        return run_chaos(seed, size, spark, prepared(spark), folder, say)

    return run_once(
        f"spark_chaos {name}",
        seed,
        run,
        folder / f"seed-{seed}-{name}",
        always=False,
    )


def _append(table: Path, *lines: str) -> None:
    with table.open("a", encoding="utf-8") as file:
        file.writelines(f"{one}\n" for one in lines)


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main())
