-- One row an event and workspace: the same id in two workspaces is two events. The workspace comes first in every index. `xid` is the
-- transaction that wrote the row: the rollup counts by it, as a time or a sequence is given before the commit and a late one would be missed.
CREATE TABLE IF NOT EXISTS orders (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL,
  project_id   integer     NOT NULL,
  timestamp_ms bigint      NOT NULL,
  persisted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  amount_cents integer     NOT NULL,
  type         smallint    NOT NULL,
  store        smallint    NOT NULL,
  product      smallint    NOT NULL,
  xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX IF NOT EXISTS orders_workspace_timestamp ON orders (workspace_id, timestamp_ms);
CREATE INDEX IF NOT EXISTS orders_workspace_xid ON orders (workspace_id, xid);
-- Idempotency keys that clients chose; without one the event's id is the key, and the primary key above is all it needs.
CREATE TABLE IF NOT EXISTS idempotency_keys (
  workspace_id integer NOT NULL,
  key          text    NOT NULL,
  id           uuid    NOT NULL,
  PRIMARY KEY (workspace_id, key)
);
-- Events that were put aside, so that each is put aside once.
CREATE TABLE IF NOT EXISTS dead_letters (
  workspace_id integer     NOT NULL,
  letter       text        NOT NULL,
  reason       text        NOT NULL,
  seen_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, letter)
)
