"""Writes the tables beside this file, as other programs write them: python3 tests/data/columns/make.py"""

import json
import pathlib

import duckdb
import polars
import pyarrow.parquet

here = pathlib.Path(__file__).parent
source = here.parent / "1-invocations.ndjson"
records = [json.loads(line) for line in source.read_text().splitlines()]
invocations = [record for record in records if record["type"] == "invocation"]


def duck(select, name):
    rows = f"select * from '{source}' where type = 'invocation'"
    duckdb.sql(f"copy (with runs as ({rows}) {select}) to '{here / name}'")


# DuckDB makes a UUID of each request id, and a time of each text that looks like one.
duck("from runs", "duckdb.parquet")
duck("from runs", "duckdb.csv")
needed = "functionArn, memorySizeMB, requestId::varchar as requestId, durationMs::decimal(18, 3) as durationMs"
duck(f"select {needed}, billedDurationMs::decimal(18, 2) as billedDurationMs from runs", "duckdb-decimal.parquet")
duck("select *, interval 1 second as pause from runs limit 1", "duckdb-interval.parquet")

frame = polars.DataFrame(invocations, infer_schema_length=None)
frame.write_parquet(here / "polars.parquet")
frame.with_columns(polars.col("startedAt").str.to_datetime(time_zone="UTC")).write_csv(here / "polars.csv")

times = frame["startedAt"].str.to_datetime(time_unit="ns", time_zone="UTC")
table = frame.with_columns(times).to_arrow()
pyarrow.parquet.write_table(table, here / "pyarrow-nanoseconds.parquet")
# As Spark wrote times until version 3.
pyarrow.parquet.write_table(table, here / "pyarrow-int96.parquet", compression="gzip", use_deprecated_int96_timestamps=True)
pyarrow.parquet.write_table(table.slice(0, 1), here / "pyarrow-lz4.parquet", compression="lz4")
