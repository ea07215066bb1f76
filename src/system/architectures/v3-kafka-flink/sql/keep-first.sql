-- Flink's JDBC sink writes INSERT … ON CONFLICT (id) DO UPDATE: the last one wins. Here the first one does: an order that is stored never
-- changes, however often it is said again after a recovery. Fires on conflicts only, so that orders that are new cost nothing more.
CREATE OR REPLACE FUNCTION keep_first() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER orders_keep_first BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION keep_first();
