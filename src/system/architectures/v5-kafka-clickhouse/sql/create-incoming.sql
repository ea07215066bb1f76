-- What is inserted goes through here, and is kept in the tables that the views write to. Neither hangs on the other that way: after a crash between
-- the two each can be mended alone.
CREATE TABLE IF NOT EXISTS incoming (
  id           FixedString(16),
  timestamp    DateTime64(3, 'UTC'),
  amount_cents UInt32,
  type         UInt8,
  store        UInt8,
  product      UInt8,
  partition    Int16,
  upto         UInt64,
  month        UInt32
) ENGINE = Null
