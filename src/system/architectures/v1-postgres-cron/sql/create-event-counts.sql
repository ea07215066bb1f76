-- counters=table: what every transaction that stores orders adds up beside them; rows as in totals. The row 'all' is changed by each of them.
CREATE TABLE IF NOT EXISTS event_counts (
  dimension     text    NOT NULL,
  key           integer NOT NULL,
  count         bigint  NOT NULL,
  revenue_cents bigint  NOT NULL,
  PRIMARY KEY (dimension, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
