-- A change of stock that came with a key is made once, however often it is asked for.
-- oldest code: 1

-- step
ALTER TABLE stock_adjustments ADD COLUMN IF NOT EXISTS key text, ADD COLUMN IF NOT EXISTS asked bigint;

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS stock_adjustments_keys;
CREATE UNIQUE INDEX CONCURRENTLY stock_adjustments_keys ON stock_adjustments (sku_id, key) WHERE key IS NOT NULL;
