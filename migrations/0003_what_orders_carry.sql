-- The shop's own number and words on an order. Both defaults are constants, so no row is written.
-- oldest code: 1

-- step
ALTER TABLE orders
    ADD COLUMN reference text NOT NULL DEFAULT '',
    ADD COLUMN metadata jsonb;

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS orders_by_reference;
CREATE INDEX CONCURRENTLY orders_by_reference ON orders (reference) WHERE reference <> '';
