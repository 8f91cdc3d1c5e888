"""Counts the words of a text and prints the commonest ones, each with its number, separated by a tab.

Usage: wordcount.py TEXT [NUMBER]

TEXT is a URL or path that the executors can read: here a file of this machine, on a cluster hdfs:// or s3a://.
"""

from __future__ import annotations

import re
import sys
from operator import add

from pyspark.sql import SparkSession


def words(line: str) -> list[str]:
    """The words of a line in lower case."""
    return re.findall(r"[a-z]+(?:['’][a-z]+)?", line.lower())


def main() -> None:
    """Counts on the cluster."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with SparkSession.builder.appName("Word count").getOrCreate() as spark:
        lines = spark.sparkContext.textFile(sys.argv[1], minPartitions=4)
        counts = lines.flatMap(words).map(lambda word: (word, 1)).reduceByKey(add)
        commonest = counts.takeOrdered(number, key=lambda pair: (-pair[1], pair[0]))
    for word, count in commonest:
        print(f"{word}\t{count}")


if __name__ == "__main__":
    main()
