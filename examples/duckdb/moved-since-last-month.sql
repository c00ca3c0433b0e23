-- What has moved since the month before the last one in the records: the mean billed duration of each size, and its
-- change. The records are those below the folder `runs`, as in cost-and-p95-by-size.sql.
WITH invocations AS (
    SELECT DISTINCT ON (functionArn, architecture, memorySizeMB,
            coalesce(requestId, runId || '/' || index, uuid()::VARCHAR)) *, date_trunc('month', startedAt) AS month
    FROM read_parquet('runs/**/*.parquet', hive_partitioning = false)
    WHERE type = 'invocation' AND coalesce(outcome, 'ok') IN ('ok', 'allowed-error')
),
months AS (SELECT max(month) AS this, max(month) - INTERVAL 1 MONTH AS last FROM invocations)
SELECT functionArn, architecture, memorySizeMB,
    avg(billedDurationMs) FILTER (WHERE month = last) AS lastMonth,
    avg(billedDurationMs) FILTER (WHERE month = this) AS thisMonth,
    thisMonth / lastMonth - 1 AS change
FROM invocations, months
GROUP BY functionArn, architecture, memorySizeMB ORDER BY abs(change) DESC NULLS LAST;
