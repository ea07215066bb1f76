-- The Flink job of v3. The service `job` fills in what is in double braces and sends the statements to the SQL gateway, one after the other.
--
--   orders (Kafka) ─▶ checked ─┬─▶ firsts: the first record of each id ─┬─▶ PostgreSQL
--                              │                                        ├─▶ totals (Kafka, compacted)
--                              │                                        └─▶ series (Kafka, compacted), by windows
--                              └─▶ intake (Kafka, compacted): what was read, and what of it was no order
--
-- SQL gives its operators no ids of one's own: the state of a checkpoint fits this text, on this version of Flink, with this parallelism
-- or another. Who changes the text starts from the beginning of the topic, which every sink bears.

SET 'pipeline.name' = 'orders';
SET 'pipeline.object-reuse' = 'true';
SET 'parallelism.default' = '{{parallelism}}';
SET 'table.local-time-zone' = 'UTC';

-- What Flink says is exact because source, state and sinks go back together: offsets and state by checkpoint; sinks hear things again
-- (at least once) and mind. Barriers wait for what came before them: in flight are some milliseconds of records. How many checkpoints are kept
-- (execution.checkpointing.num-retained) only the cluster's settings can say.
SET 'execution.checkpointing.interval' = '{{checkpoint}} ms';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = '{{checkpoints}}';
SET 'execution.checkpointing.timeout' = '60 s';
SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
SET 'execution.checkpointing.incremental' = 'true';
SET 'state.backend.type' = 'hashmap';
SET 'restart-strategy.type' = 'exponential-delay';
SET 'restart-strategy.exponential-delay.initial-backoff' = '200 ms';
SET 'restart-strategy.exponential-delay.max-backoff' = '2 s';

-- Ids are remembered for so long. Sums of `totals` and `intake` say that they are for ever (STATE_TTL below).
SET 'table.exec.state.ttl' = '{{ids_remembered}}';
-- A partition to which nobody writes holds the clock of the others up no longer than this.
SET 'table.exec.source.idle-timeout' = '2 s';

CREATE TABLE records (
  id            STRING,
  `type`        SMALLINT,
  store         SMALLINT,
  product       SMALLINT,
  amountCents   INT,
  timestampMs   BIGINT,
  `partition`   INT              METADATA VIRTUAL,
  `offset`      BIGINT           METADATA VIRTUAL,
  appended      TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  arrived       AS PROCTIME(),
  -- The time of the event; no later than Kafka had it, or one sender whose clock is ahead would make everybody else late.
  happened      AS LEAST(TO_TIMESTAMP_LTZ(COALESCE(timestampMs, 0), 3), appended),
  WATERMARK FOR happened AS happened - INTERVAL '2' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '{{orders_topic}}',
  'properties.bootstrap.servers' = '{{brokers}}',
  'properties.group.id' = '{{group}}',
  -- Of a job that starts from a checkpoint, the checkpoint says where; offsets are committed to Kafka for those who look on.
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  -- What is no JSON is left out here, and missed by `intake`.
  'json.ignore-parse-errors' = 'true'
);

-- `isOrder`: only this may reach the database, as what it refused would be tried for ever. `isLate`: older than what may still come in time.
CREATE TEMPORARY VIEW checked AS
SELECT *,
  COALESCE(
    REGEXP(id, '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
      AND `type` BETWEEN 0 AND {{last_type}} AND store BETWEEN 0 AND {{last_store}} AND product BETWEEN 0 AND {{last_product}}
      AND amountCents BETWEEN 0 AND {{most_cents}} AND timestampMs BETWEEN {{oldest_ms}} AND {{newest_ms}},
    FALSE) AS isOrder,
  COALESCE(happened <= CURRENT_WATERMARK(happened), FALSE) AS isLate
FROM records;

-- The first one to arrive wins, and is passed on at once: nothing said of it is ever taken back. The view is a temporary one, as the planner of
-- Flink 2.0 works that out once for all who read from it; from any other view each of the three would find out for itself which ids are new.
CREATE TEMPORARY VIEW firsts AS
SELECT id, `type`, store, product, amountCents, timestampMs, happened, isLate
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived) AS copy FROM checked WHERE isOrder)
WHERE copy = 1;

CREATE TABLE orders (
  id            STRING,
  timestamp_ms  BIGINT,
  amount_cents  INT,
  `type`        SMALLINT,
  store         SMALLINT,
  product       SMALLINT,
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '{{jdbc_url}}',
  'username' = '{{user}}',
  'password' = '{{password}}',
  'table-name' = 'orders',
  'sink.buffer-flush.interval' = '100 ms',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.max-retries' = '3'
);

CREATE TABLE totals (
  `hour`        BIGINT,
  product       SMALLINT,
  store         SMALLINT,
  `type`        SMALLINT,
  `count`       BIGINT,
  revenueCents  BIGINT,
  lateCount     BIGINT,
  PRIMARY KEY (`hour`, product, store, `type`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '{{totals_topic}}',
  'properties.bootstrap.servers' = '{{brokers}}',
  'key.format' = 'json',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY',
  -- Of what is said of a cell within this time only the last is written.
  'sink.buffer-flush.interval' = '100 ms',
  'sink.buffer-flush.max-rows' = '10000'
);

CREATE TABLE series (
  windowStartMs BIGINT,
  `count`       BIGINT,
  revenueCents  BIGINT,
  PRIMARY KEY (windowStartMs) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '{{series_topic}}',
  'properties.bootstrap.servers' = '{{brokers}}',
  'key.format' = 'json',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE intake (
  `partition`   INT,
  `read`        BIGINT,
  unusable      BIGINT,
  skipped       BIGINT,
  PRIMARY KEY (`partition`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '{{intake_topic}}',
  'properties.bootstrap.servers' = '{{brokers}}',
  'key.format' = 'json',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.buffer-flush.interval' = '500 ms',
  'sink.buffer-flush.max-rows' = '10000'
);

EXECUTE STATEMENT SET BEGIN

INSERT INTO orders
SELECT id, timestampMs, amountCents, `type`, store, product
FROM firsts;

-- Each event is in exactly one cell, so any cells taken together are a true dashboard of the events in them.
INSERT INTO totals
SELECT /*+ STATE_TTL('firsts' = '0 s') */
  timestampMs / 3600000, product, store, `type`, COUNT(*), SUM(CAST(amountCents AS BIGINT)), COUNT(*) FILTER (WHERE isLate)
FROM firsts
GROUP BY timestampMs / 3600000, product, store, `type`;

-- Said once, when the window is over. What comes later still is in `totals`, and in no window. (TUMBLE as a grouping and not as a table function:
-- over a view that others read as well the planner of Flink 2.0 fails with the latter.)
INSERT INTO series
SELECT
  TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', TUMBLE_START(happened, INTERVAL '{{window}}' SECOND(4))) * CAST(1000 AS BIGINT),
  COUNT(*), SUM(CAST(amountCents AS BIGINT))
FROM firsts
GROUP BY TUMBLE(happened, INTERVAL '{{window}}' SECOND(4));

-- Offsets have no gaps here, so those without a record read are records that were no JSON.
INSERT INTO intake
SELECT /*+ STATE_TTL('checked' = '0 s') */
  `partition`, COUNT(*), COUNT(*) FILTER (WHERE NOT isOrder), MAX(`offset`) + 1 - COUNT(*)
FROM checked
GROUP BY `partition`;

END;
