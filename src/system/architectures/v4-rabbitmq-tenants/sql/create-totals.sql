-- The live dashboard of each workspace, kept in the transaction that stores the events. Dimensions and keys as everywhere: 'all', 'type',
-- 'store', 'product' or 'hour'; the position of the name in its vocabulary, or hours since the epoch.
CREATE TABLE IF NOT EXISTS totals (
  workspace_id  integer NOT NULL,
  dimension     text    NOT NULL,
  key           integer NOT NULL,
  count         bigint  NOT NULL,
  revenue_cents bigint  NOT NULL,
  PRIMARY KEY (workspace_id, dimension, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- Which workspaces have events, and how many: a row each.
CREATE INDEX IF NOT EXISTS totals_of_workspaces ON totals (workspace_id) WHERE dimension = 'all';
-- What analytics are answered from: the events of each hour (hours since the epoch), by each dimension but 'all'.
CREATE TABLE IF NOT EXISTS event_aggregations (
  workspace_id  integer NOT NULL,
  dimension     text    NOT NULL,
  hour          integer NOT NULL,
  key           integer NOT NULL,
  count         bigint  NOT NULL,
  revenue_cents bigint  NOT NULL,
  min_cents     integer NOT NULL,
  max_cents     integer NOT NULL,
  PRIMARY KEY (workspace_id, dimension, hour, key)
) WITH (fillfactor = 80);
-- The same over all workspaces, so that a thousand of them need not be added up for every question of the operator.
CREATE TABLE IF NOT EXISTS everybody_aggregations (
  dimension     text    NOT NULL,
  hour          integer NOT NULL,
  key           integer NOT NULL,
  count         bigint  NOT NULL,
  revenue_cents bigint  NOT NULL,
  min_cents     integer NOT NULL,
  max_cents     integer NOT NULL,
  PRIMARY KEY (dimension, hour, key)
) WITH (fillfactor = 50);
-- Of each workspace: events of transactions before the watermark are in the aggregations, all others are not. Without a row it is '1', before
-- which there is only history: its rows have xid '0' and are added to the aggregations in the transaction that writes them.
CREATE TABLE IF NOT EXISTS rollup_state (
  workspace_id integer PRIMARY KEY,
  watermark    xid8    NOT NULL
)
