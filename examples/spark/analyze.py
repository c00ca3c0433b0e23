"""Analyzes more saved runs than one machine holds: a process of lpt-analyze for each function, on all nodes of Spark.

    spark-submit analyze.py RECORDS… OUTPUT [-- ARGUMENTS OF lpt-analyze]

RECORDS are NDJSON, also .gz, or Parquet that lpt-import wrote: files or folders wherever Hadoop reads, such as
s3a://bucket/runs. OUTPUT is a new folder there. Its files are one stream: `lpt-select OUTPUT`, or
`hadoop fs -cat OUTPUT/part-* | lpt-select`. lpt-analyze must be in the PATH of each worker, or in its LPT_ANALYZE.

The exit status is 1 if a function failed, whose name and error are shown. It is 3 if lpt-analyze ended with that for any
of them: the output is whole, and its end records say so.
"""

import os
import re
import subprocess
import sys
import tempfile
from itertools import groupby

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def analyze(rows):
    """Pipes the records of each function, which are next to each other, through a process of their own."""
    command = [os.environ.get("LPT_ANALYZE", "lpt-analyze"), "--part", *arguments]
    for function, records in groupby(rows, key=lambda row: row.function):
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=messages) as process:
                process.stdin.writelines(record.value + b"\n" for record in records)
            output.seek(0), messages.seek(0)
            said = messages.read().decode().strip()
            if process.returncode not in (0, 3):
                raise RuntimeError(f"{function or 'records of no function'}: {said or process.returncode}")
            print(said, end="\n" if said else "", file=sys.stderr)
            partly.add(process.returncode == 3)
            yield from (line.decode().rstrip("\n") for line in output)


end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
*paths, target = sys.argv[1:end]
arguments = sys.argv[end + 1 :]
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
partly = spark.sparkContext.accumulator(0)
records = spark.read.text(paths, lineSep="\n", recursiveFileLookup=True)
if all(file.endswith(".parquet") for file in records.inputFiles()):
    table = spark.read.parquet(*paths)
    fields = F.to_json(F.struct(*(name for name in table.columns if name not in ("otherFields", "date"))))
    others = F.expr("concat(left(fields, length(fields) - 1), ',', substring(nullif(otherFields, '{}'), 2))")
    records = table.withColumn("fields", fields).withColumn("value", F.coalesce(others, "fields"))
function = F.regexp_extract("value", r'"functionArn"\s*:\s*"([^"]*)"', 1)
place = {"function": function, "file": F.col("_metadata.file_path"), "id": F.monotonically_increasing_id()}
parts = records.withColumns(place).repartition("function").sortWithinPartitions(*place)
try:
    parts.select("function", F.encode("value", "UTF-8").alias("value")).rdd.mapPartitions(analyze).saveAsTextFile(target)
except Exception as error:
    sys.exit((re.findall(r"\w+Error: (.*)", str(error)) or [str(error)])[0])
sys.exit(3 if partly.value else 0)
