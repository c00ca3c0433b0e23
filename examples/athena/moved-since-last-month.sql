-- What has moved since last month: the mean billed duration of each size, this month and the one before, and its change.
WITH invocations AS (
    SELECT DISTINCT functionArn, architecture, memorySizeMB, billedDurationMs,
        coalesce(requestId, runId || '/' || cast(index AS varchar), cast(uuid() AS varchar)) AS id,
        date_trunc('month', startedAt) = date_trunc('month', current_timestamp) AS isThisMonth
    FROM lpt_records
    WHERE functionFolder IN ('arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Amy-function')
        AND day >= format_datetime(date_trunc('month', current_date) - interval '1' month, 'yyyy-MM-dd')
        AND type = 'invocation' AND coalesce(outcome, 'ok') IN ('ok', 'allowed-error')
)
SELECT functionArn, architecture, memorySizeMB,
    avg(billedDurationMs) FILTER (WHERE NOT isThisMonth) AS lastMonth,
    avg(billedDurationMs) FILTER (WHERE isThisMonth) AS thisMonth,
    avg(billedDurationMs) FILTER (WHERE isThisMonth) / avg(billedDurationMs) FILTER (WHERE NOT isThisMonth) - 1 AS change
FROM invocations
GROUP BY functionArn, architecture, memorySizeMB
ORDER BY abs(avg(billedDurationMs) FILTER (WHERE isThisMonth) / avg(billedDurationMs) FILTER (WHERE NOT isThisMonth) - 1) DESC NULLS LAST;
