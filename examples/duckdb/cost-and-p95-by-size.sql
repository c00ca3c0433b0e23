-- Cost and 95th percentile by size, of the records below the folder `runs`, which
-- `lpt-import --to parquet --partition-by functionArn,date --output runs` has written. An invocation counts once, by
-- its requestId or else its run and index; one that has neither counts as it is.
--
--     duckdb -f cost-and-p95-by-size.sql
--
-- 0.0000166667 is the price of a GB-second in USD in us-east-1 on x86_64, without the tiers for large accounts:
-- <https://aws.amazon.com/lambda/pricing/>. lpt-analyze knows the prices of all regions, and the tiers.
WITH invocations AS (
    SELECT DISTINCT ON (functionArn, architecture, memorySizeMB,
            coalesce(requestId, runId || '/' || index, uuid()::VARCHAR)) *,
        durationMs + coalesce(initDurationMs, 0) + coalesce(restoreDurationMs, 0) AS duration
    FROM read_parquet('runs/**/*.parquet', hive_partitioning = false)
    WHERE type = 'invocation' AND coalesce(outcome, 'ok') IN ('ok', 'allowed-error')
)
SELECT functionArn, architecture, memorySizeMB, count(*) AS invocations,
    quantile_cont(duration, 0.95) AS p95DurationMs,
    avg(billedDurationMs) / 1000 * memorySizeMB / 1024 * 0.0000166667 * 1e6 AS costPerMillion
FROM invocations
GROUP BY functionArn, architecture, memorySizeMB ORDER BY ALL;
