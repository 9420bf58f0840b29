-- Bills are planned and blanked by one process at a time, and what a person looks up has its index.
-- oldest code: 1

-- step
ALTER TABLE bills ADD COLUMN erasures_planned boolean NOT NULL DEFAULT false;

-- step
ALTER TABLE retention ADD COLUMN blanking_until timestamptz NOT NULL DEFAULT '-infinity';

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS orders_of_reference;
CREATE INDEX CONCURRENTLY orders_of_reference ON orders (reference, id) WHERE reference <> '';

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS orders_by_reference;

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS discrepancies_of_trade;
CREATE INDEX CONCURRENTLY discrepancies_of_trade ON discrepancies (out_trade_no);

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS resolutions_of_subject;
CREATE INDEX CONCURRENTLY resolutions_of_subject ON resolutions (subject);
