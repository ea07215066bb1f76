/**
 * A worker that breaks its promise: it prepares PostgreSQL to betray, then is the real worker.
 * Victims are chosen by the last byte of the id (the low bits of its sequence), so a test can tell exactly which they were.
 */
import pg from 'pg'

/** Last two hex digits of the ids it betrays. */
const VICTIMS = '07'

const BETRAYALS: Record<string, string> = {
  lossy: `
    CREATE OR REPLACE FUNCTION betray() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF right(NEW.id::text, 2) = '${VICTIMS}' THEN RETURN NULL; END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER betrayal BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION betray();`,
  altering: `
    CREATE OR REPLACE FUNCTION betray() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF right(NEW.id::text, 2) = '${VICTIMS}' THEN NEW.amount_cents := NEW.amount_cents + 1; END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER betrayal BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION betray();`,
  // With the next workspace instead of one's own.
  leaking: `
    CREATE OR REPLACE FUNCTION betray() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF right(NEW.id::text, 2) = '${VICTIMS}' THEN NEW.workspace_id := NEW.workspace_id % 20 + 1; END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER betrayal BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION betray();`,
  // A child table has no part in its parent's primary key, and in everything that reads the parent.
  duplicating: `
    CREATE TABLE IF NOT EXISTS orders_again () INHERITS (orders);
    CREATE OR REPLACE FUNCTION betray() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF right(NEW.id::text, 2) = '${VICTIMS}' THEN INSERT INTO orders_again SELECT NEW.*; END IF;
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER betrayal AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION betray();`,
  // The first product sells one more with every batch that sells it.
  miscounting: `
    CREATE OR REPLACE FUNCTION betray() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.dimension = 'product' AND NEW.key = 0 THEN NEW.count := NEW.count + 1; END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER betrayal BEFORE UPDATE ON totals FOR EACH ROW EXECUTE FUNCTION betray();`,
}

const [kind = ''] = process.argv.slice(2)
const client = new pg.Client({ host: process.env.POSTGRES_HOST, port: Number(process.env.POSTGRES_PORT), user: 'lab', password: 'lab', database: 'lab' })
await client.connect()
await client.query(BETRAYALS[kind]!)
await client.end()

process.argv[2] = 'worker'
await import(new URL('../../../dist/service.js', import.meta.url).href)
