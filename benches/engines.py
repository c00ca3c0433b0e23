"""What a query engine needs for the figures that lpt-analyze computes of saved runs, for benches/saved_runs.rs.

    engines.py duckdb|polars FILE THREADS

Prints the version of the engine, the number of groups, and the seconds of the query alone: without the start of Python
and of the engine. The queries compute less than lpt-analyze does: no trimmed mean with its interval, no costs, and a
repeated invocation counts twice, except in the query `distinct`.
"""

import os
import sys
import time

engine, file, threads = sys.argv[1:4]
distinct = sys.argv[4:] == ["distinct"]
os.environ["POLARS_MAX_THREADS"] = threads

NAMES = {
    "type": "VARCHAR",
    "functionArn": "VARCHAR",
    "architecture": "VARCHAR",
    "memorySizeMB": "INTEGER",
    "requestId": "VARCHAR",
    "outcome": "VARCHAR",
    "coldStart": "BOOLEAN",
    "durationMs": "DOUBLE",
    "initDurationMs": "DOUBLE",
    "billedDurationMs": "BIGINT",
    "maxMemoryUsedMB": "INTEGER",
}
KEYS = ["functionArn", "architecture", "memorySizeMB"]
QUANTILES = [0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0]

if engine == "duckdb":
    import duckdb

    version = duckdb.__version__
    connection = duckdb.connect(config={"threads": int(threads)})
    if file.endswith(".parquet"):
        source = f"read_parquet('{file}')"
    else:
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in NAMES.items())
        source = f"read_ndjson('{file}', columns = {{{columns}}})"
    if distinct:
        source = f"(select distinct on (requestId) * from {source})"
    query = f"""
        select {", ".join(KEYS)}, count(*), avg(duration), stddev(duration), quantile_cont(duration, {QUANTILES}),
            avg(billedDurationMs), sum(billedDurationMs), max(maxMemoryUsedMB), count(*) filter (where coldStart)
        from (select *, durationMs + coalesce(initDurationMs, 0) as duration from {source} where type = 'invocation')
        group by all order by all"""

    def run():
        return len(connection.execute(query).fetchall())

else:
    import polars as pl

    version = pl.__version__
    types = {"VARCHAR": pl.String, "INTEGER": pl.Int32, "BOOLEAN": pl.Boolean, "DOUBLE": pl.Float64, "BIGINT": pl.Int64}

    def run():
        if file.endswith(".parquet"):
            records = pl.scan_parquet(file)
        else:
            records = pl.scan_ndjson(file, schema={name: types[kind] for name, kind in NAMES.items()})
        records = records.filter(pl.col("type") == "invocation")
        if distinct:
            records = records.unique("requestId")
        duration = pl.col("durationMs") + pl.col("initDurationMs").fill_null(0)
        return (
            records.with_columns(duration=duration)
            .group_by(KEYS)
            .agg(
                pl.len(),
                pl.col("duration").mean().alias("mean"),
                pl.col("duration").std().alias("stddev"),
                *(pl.col("duration").quantile(q, "linear").alias(f"q{q}") for q in QUANTILES),
                pl.col("billedDurationMs").mean().alias("billed"),
                pl.col("billedDurationMs").sum().alias("total"),
                pl.col("maxMemoryUsedMB").max().alias("memory"),
                pl.col("coldStart").sum().alias("coldStarts"),
            )
            .sort(KEYS)
            .collect(engine="streaming")
            .height
        )


begun = time.perf_counter()
groups = run()
print(version, groups, time.perf_counter() - begun)
