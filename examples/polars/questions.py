"""The questions of examples/duckdb, in polars, on the records below the folder `runs` in Parquet.

    python questions.py

An invocation counts once, by its requestId or else its run and index; one that has neither counts as it is.
0.0000166667 is the price of a GB-second in USD in us-east-1 on x86_64, without the tiers for large accounts:
<https://aws.amazon.com/lambda/pricing/>. lpt-analyze knows the prices of all regions, and the tiers.
"""

import polars as pl

KEYS = ["functionArn", "architecture", "memorySizeMB"]
GB_SECOND = 0.0000166667

invocations = (
    pl.scan_parquet("runs/**/*.parquet", hive_partitioning=False)
    .filter(type="invocation")
    .filter(pl.col("outcome").fill_null("ok").is_in(["ok", "allowed-error"]))
    .with_columns(
        id=pl.coalesce(
            "requestId", pl.concat_str("runId", "index", separator="/"), pl.int_range(pl.len()).cast(pl.String)
        )
    )
    .unique([*KEYS, "id"])
    .with_columns(
        duration=pl.sum_horizontal("durationMs", "initDurationMs", "restoreDurationMs"),
        month=pl.col("startedAt").dt.truncate("1mo"),
    )
)

gb_seconds = pl.col("billedDurationMs").mean() / 1000 * pl.col("memorySizeMB").first() / 1024
by_size = invocations.group_by(KEYS).agg(
    pl.len().alias("invocations"),
    pl.col("duration").quantile(0.95, "linear").alias("p95DurationMs"),
    (gb_seconds * GB_SECOND * 1e6).alias("costPerMillion"),
)

this = pl.col("month").max().over(pl.lit(1))
of_month = invocations.with_columns(ago=(this.dt.year() - pl.col("month").dt.year()) * 12 + this.dt.month() - pl.col("month").dt.month())
billed = pl.col("billedDurationMs")
moved = (
    of_month.group_by(KEYS)
    .agg(
        billed.filter(pl.col("ago") == 1).mean().alias("lastMonth"),
        billed.filter(pl.col("ago") == 0).mean().alias("thisMonth"),
    )
    .with_columns(change=pl.col("thisMonth") / pl.col("lastMonth") - 1)
)

with pl.Config(tbl_rows=-1, fmt_str_lengths=80):
    print("Cost and 95th percentile by size\n", by_size.sort(KEYS).collect())
    print("What has moved since last month\n", moved.sort(pl.col("change").abs(), descending=True, nulls_last=True).collect())
