"""Analyzes more saved runs than one machine holds: Spark gives each process all records of some functions.

    spark-submit analyze.py RECORDS… [-- ARGUMENTS OF lpt-analyze] > statistics.ndjson

RECORDS are NDJSON, also .gz, or Parquet that lpt-import wrote: files or folders wherever Hadoop reads, such as
s3a://bucket/runs.parquet. lpt-analyze must be in the PATH of each worker, or in its LPT_ANALYZE. The output is one
stream, which lpt-select reads. The exit status is 3 if a part was analyzed only in part, as that of lpt-analyze is.
"""

import os
import subprocess
import sys
from threading import Thread

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def analyze(rows, arguments):
    """Pipes the lines of a part through lpt-analyze, and names its functions if that fails."""
    command = [os.environ.get("LPT_ANALYZE", "lpt-analyze"), "--part", *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8")
    functions, errors = set(), []

    def feed():
        with process.stdin as stdin:
            for row in rows:
                functions.add(row.function)
                stdin.write(row.value + "\n")

    threads = [Thread(target=feed), Thread(target=lambda: errors.extend(process.stderr))]
    [thread.start() for thread in threads]
    yield from (line.rstrip("\n") for line in process.stdout)
    [thread.join() for thread in threads]
    sys.stderr.writelines(errors)
    if process.wait() not in (0, 3):
        raise RuntimeError(f"{', '.join(sorted(functions))}: {''.join(errors)}")


end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
paths, arguments = sys.argv[1:end], sys.argv[end + 1 :]
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
if all(path.rstrip("/").endswith("parquet") for path in paths):
    table = spark.read.parquet(*paths)
    fields = F.to_json(F.struct(*(name for name in table.columns if name not in ("otherFields", "date"))))
    others = F.expr("concat(substring(fields, 1, length(fields) - 1), ',', substring(otherFields, 2))")
    lines = table.withColumn("fields", fields).select(F.coalesce(others, "fields").alias("value"))
else:
    lines = spark.read.text(paths)
function = F.regexp_extract("value", r'"functionArn"\s*:\s*"([^"]*)"', 1)
parts = lines.select("value", function.alias("function")).repartition("function")
exit_status = 0
for line in parts.rdd.mapPartitions(lambda rows: analyze(rows, arguments)).toLocalIterator():
    print(line)
    if line.startswith('{"type":"end"') and '"partly":true' in line:
        exit_status = 3
sys.exit(exit_status)
