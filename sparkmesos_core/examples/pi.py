"""Estimates Pi by throwing darts at a square and counting those that hit the circle in it.

Usage: pi.py [PARTITIONS]
"""

from __future__ import annotations

import random
import sys

from pyspark.sql import SparkSession

DARTS = 200_000


def hits(partition: int) -> int:
    """How many of the darts of one partition hit the circle."""
    # A seed per partition: Python's workers are forks and would otherwise all throw alike.
    dice = random.Random(partition)
    return sum(dice.uniform(-1, 1) ** 2 + dice.uniform(-1, 1) ** 2 <= 1 for _ in range(DARTS))


def main() -> None:
    """Runs the estimate on the cluster."""
    partitions = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    with SparkSession.builder.appName("Pi").getOrCreate() as spark:
        total = spark.sparkContext.parallelize(range(partitions), partitions).map(hits).sum()
    print(f"Pi is roughly {4 * total / (partitions * DARTS):.5f}")


if __name__ == "__main__":
    main()
