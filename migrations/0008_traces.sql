-- The trace that an order's request belongs to, so that all that becomes of the order is told in the same one.
-- oldest code: 1

-- step
CREATE TABLE IF NOT EXISTS traces (
    order_id bigint PRIMARY KEY,
    traceparent text NOT NULL CHECK (length(traceparent) = 55),
    since timestamptz NOT NULL DEFAULT now()
);

-- step
CREATE OR REPLACE VIEW told_events AS
    SELECT id, at, topic, subject, sequence, data, (
        SELECT traceparent FROM traces
        WHERE order_id = CASE WHEN topic NOT LIKE 'stock.%' AND subject ~ '^[0-9]{1,18}$' THEN subject::bigint END
    ) AS traceparent
    FROM events;
