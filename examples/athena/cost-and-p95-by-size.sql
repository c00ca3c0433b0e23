-- Cost and 95th percentile by size, in the last 30 days. An invocation counts once, however often it was imported,
-- by its requestId or else its run and index; one that has neither counts as it is.
-- 0.0000166667 is the price of a GB-second in USD in us-east-1 on x86_64, without the tiers for large accounts:
-- <https://aws.amazon.com/lambda/pricing/>. lpt-analyze knows the prices of all regions, and the tiers.
WITH invocations AS (
    SELECT DISTINCT functionArn, architecture, memorySizeMB, billedDurationMs,
        coalesce(requestId, runId || '/' || cast(index AS varchar), cast(uuid() AS varchar)) AS id,
        durationMs + coalesce(initDurationMs, 0) + coalesce(restoreDurationMs, 0) AS duration
    FROM lpt_records
    WHERE functionFolder IN ('arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Amy-function')
        AND day >= format_datetime(current_date - interval '30' day, 'yyyy-MM-dd')
        AND type = 'invocation' AND coalesce(outcome, 'ok') IN ('ok', 'allowed-error')
)
SELECT functionArn, architecture, memorySizeMB, count(*) AS invocations,
    approx_percentile(duration, 0.95) AS p95DurationMs,
    avg(billedDurationMs) / 1000 * memorySizeMB / 1024 * 0.0000166667 * 1e6 AS costPerMillion
FROM invocations
GROUP BY functionArn, architecture, memorySizeMB
ORDER BY functionArn, architecture, memorySizeMB;
