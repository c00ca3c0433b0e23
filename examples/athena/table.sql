-- The records that `lpt-import --to parquet --partition-by functionArn,date --output runs` has written, after
-- `aws s3 sync runs s3://BUCKET/runs`. Athena finds the folders by their names and reads only those of the question:
-- <https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html>
--
-- functionFolder is the ARN as the folder has it, with %3A for each colon. A question must name the folders.
CREATE EXTERNAL TABLE lpt_records (
    type string,
    runId string,
    functionArn string,
    version string,
    alias string,
    architecture string,
    memorySizeMB int,
    index bigint,
    payloadIndex bigint,
    startedAt timestamp,
    requestId string,
    outcome string,
    errorType string,
    errorMessage string,
    coldStart boolean,
    durationMs double,
    initDurationMs double,
    restoreDurationMs double,
    billedDurationMs bigint,
    billedRestoreDurationMs bigint,
    maxMemoryUsedMB int,
    clientDurationMs double,
    attempts int,
    round int,
    wave int,
    logStream string,
    otherFields string
)
PARTITIONED BY (functionFolder string, day string)
STORED AS PARQUET
LOCATION 's3://BUCKET/runs/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.functionfolder.type' = 'injected',
    'projection.day.type' = 'date',
    'projection.day.format' = 'yyyy-MM-dd',
    'projection.day.range' = '2026-01-01,NOW',
    'storage.location.template' = 's3://BUCKET/runs/functionArn=${functionfolder}/date=${day}/'
);
