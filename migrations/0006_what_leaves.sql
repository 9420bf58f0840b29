-- What leaves: webhooks, what Alipay answered, and the erasure of buyers.
-- oldest code: 1

-- step
ALTER TABLE orders
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT orders_erased CHECK (erased_at IS NULL
        OR (recipient = '' AND phone = '' AND detail = '' AND remark = '' AND metadata IS NULL)) NOT VALID;

-- step
ALTER TABLE orders VALIDATE CONSTRAINT orders_erased;

-- step
ALTER TABLE notifies ADD COLUMN blanked_at timestamptz;

-- step: alone
DROP INDEX CONCURRENTLY IF EXISTS notifies_of_payment;
CREATE INDEX CONCURRENTLY notifies_of_payment ON notifies (out_trade_no);

-- step
-- What Alipay answered when it was asked about an attempt or a refund. The same answer again is counted, so that a
-- row is a change of what it says; other answers than the first fifty of an attempt are counted in one.
CREATE TABLE alipay_answers (
    order_id bigint NOT NULL,
    n smallint NOT NULL,
    call text NOT NULL, -- query, close, refund, refund_query
    request_no text NOT NULL DEFAULT '', -- of a refund
    said text NOT NULL, -- a sentence, without personal data
    times int NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, n, call, request_no, said)
);

-- step
-- Who hears of events by HTTP. Each has a place of its own in the log: up to `reached` every event was delivered, does
-- not concern it, or stands behind one of its subject that was set aside.
CREATE TABLE webhook_endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL,
    topics text[] NOT NULL CHECK (cardinality(topics) > 0), -- patterns, as queues bind with them
    secret text NOT NULL,
    former_secret text, -- signs as well until then
    former_until timestamptz,
    private boolean NOT NULL DEFAULT false, -- may lie on this machine or in a private network, without TLS
    created_at timestamptz NOT NULL DEFAULT now(),
    reached bigint NOT NULL,
    failures smallint NOT NULL DEFAULT 0, -- how often in a row nobody answered there at all
    next_try_at timestamptz, -- then: not before
    gone boolean NOT NULL DEFAULT false, -- it answered 410: nothing is sent until a person says so
    last_at timestamptz,
    last_answer text,
    holder uuid, -- who is delivering, until its lease ends
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    CHECK ((former_secret IS NULL) = (former_until IS NULL))
);

-- Subjects whose next event was not taken: they go on by themselves, and others pass them. `event_id` is that event;
-- what is behind it is read from the log.
CREATE TABLE webhook_subjects (
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    of_stock boolean NOT NULL, -- an order and a SKU may share an id
    subject text NOT NULL,
    event_id bigint NOT NULL,
    event_at timestamptz NOT NULL,
    tries smallint NOT NULL DEFAULT 1,
    next_try_at timestamptz NOT NULL,
    answer text NOT NULL,
    PRIMARY KEY (endpoint_id, of_stock, subject)
);
CREATE INDEX webhook_subjects_due ON webhook_subjects (endpoint_id, next_try_at);

-- Every try, kept as long as the log.
CREATE TABLE webhook_deliveries (
    at timestamptz NOT NULL DEFAULT now(),
    endpoint_id bigint NOT NULL,
    event_id bigint NOT NULL,
    topic text NOT NULL,
    subject text NOT NULL,
    taken boolean NOT NULL,
    answer text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX webhook_deliveries_of_subject ON webhook_deliveries (subject);
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (endpoint_id, at);
CREATE TABLE webhook_deliveries_other PARTITION OF webhook_deliveries DEFAULT;

-- step
-- Users who wish that nobody knows them any more; it holds for orders to come, too.
CREATE TABLE erasures (
    user_id bigint PRIMARY KEY,
    wished_at timestamptz NOT NULL DEFAULT now(),
    walked bigint NOT NULL DEFAULT 0 -- his orders up to this id were erased, or stand in erasures_due
);

-- Orders that are to be erased, at their end and not before.
CREATE TABLE erasures_due (
    order_id bigint PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX erasures_due_first ON erasures_due (due_at);

-- How far the orders were looked through for the age at which they are erased.
CREATE TABLE retention (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    walked bigint NOT NULL DEFAULT 0
);
INSERT INTO retention DEFAULT VALUES;

-- Rows of stored bills in which a buyer is still named.
CREATE TABLE bill_erasures (
    day date NOT NULL,
    out_trade_no text NOT NULL,
    PRIMARY KEY (day, out_trade_no)
);

-- step
CREATE OR REPLACE FUNCTION make_partitions(first date, last date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    coming date;
    suffix text;
BEGIN
    FOR coming IN SELECT generate_series(first, last, '1 day')::date LOOP
        suffix := to_char(coming, 'YYYYMMDD');
        -- A day that began in the default partition stays there: rows are not moved while orders come in.
        IF to_regclass('order_keys_' || suffix) IS NULL
            AND NOT EXISTS (SELECT FROM order_keys_other k WHERE k.day = coming)
        THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF order_keys FOR VALUES FROM (%L) TO (%L)',
                'order_keys_' || suffix, coming, coming + 1);
        END IF;
        IF to_regclass('events_' || suffix) IS NULL
            AND NOT EXISTS (SELECT FROM events_other WHERE (at AT TIME ZONE 'UTC')::date = coming)
        THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                'events_' || suffix, coming::timestamp AT TIME ZONE 'UTC', (coming + 1)::timestamp AT TIME ZONE 'UTC');
            EXECUTE format('CREATE UNIQUE INDEX ON %I (subject, sequence, (topic LIKE ''stock.%%''))', 'events_' || suffix);
        END IF;
        IF to_regclass('webhook_deliveries_' || suffix) IS NULL
            AND NOT EXISTS (SELECT FROM webhook_deliveries_other WHERE (at AT TIME ZONE 'UTC')::date = coming)
        THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF webhook_deliveries FOR VALUES FROM (%L) TO (%L)',
                'webhook_deliveries_' || suffix,
                coming::timestamp AT TIME ZONE 'UTC', (coming + 1)::timestamp AT TIME ZONE 'UTC');
        END IF;
    END LOOP;
END $$;

-- step
SELECT make_partitions((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7);
