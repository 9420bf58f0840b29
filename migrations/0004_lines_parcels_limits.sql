-- Discounts, parcels, refunds by line and purchase limits: quantities per line, beside one word for the whole order.
-- oldest code: 1

-- step
ALTER TABLE schema_version ADD COLUMN finished int NOT NULL DEFAULT 0;

-- step
ALTER TABLE skus
    ADD COLUMN weight_g int NOT NULL DEFAULT 0,
    ADD COLUMN limit_per_user int,
    ADD COLUMN limit_epoch smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT skus_weight_g_check CHECK (weight_g >= 0) NOT VALID,
    ADD CONSTRAINT skus_limit_per_user_check CHECK (limit_per_user > 0) NOT VALID;

-- step
ALTER TABLE skus VALIDATE CONSTRAINT skus_weight_g_check;
ALTER TABLE skus VALIDATE CONSTRAINT skus_limit_per_user_check;

-- step
ALTER TABLE orders
    ADD COLUMN discount_fen bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT orders_discount_fen_check CHECK (discount_fen >= 0) NOT VALID,
    DROP CONSTRAINT orders_check3,
    ADD CONSTRAINT orders_total CHECK (total_fen = goods_fen - discount_fen + freight_fen) NOT VALID,
    DROP CONSTRAINT orders_check5,
    ADD CONSTRAINT orders_status CHECK (CASE status
        WHEN 'accepted' THEN placed_at IS NULL AND closed_at IS NULL AND reason IS NULL
        WHEN 'rejected' THEN placed_at IS NULL AND closed_at IS NULL AND reason IN
            ('out_of_stock', 'price_changed', 'unknown_sku', 'not_on_sale', 'limit_exceeded', 'total_too_large')
        WHEN 'awaiting_payment' THEN pay_method = 'alipay' AND stock = 'held' AND paid_at IS NULL
            AND closed_at IS NULL AND reason IS NULL
        WHEN 'awaiting_shipment' THEN stock = 'held' AND (pay_method = 'cash' OR paid_at IS NOT NULL)
            AND closed_at IS NULL AND reason IS NULL
        WHEN 'shipped' THEN stock IN ('held', 'left') AND shipped_at IS NOT NULL AND closed_at IS NULL
        WHEN 'completed' THEN stock IN ('held', 'left') AND completed_at IS NOT NULL AND closed_at IS NULL
        WHEN 'closed' THEN closed_at IS NOT NULL AND reason IN ('expired', 'cancelled', 'refunded')
    END) NOT VALID;
ALTER TABLE orders RENAME CONSTRAINT orders_check4 TO orders_check3;

-- step
ALTER TABLE orders VALIDATE CONSTRAINT orders_discount_fen_check;

-- step
ALTER TABLE orders VALIDATE CONSTRAINT orders_total;

-- step
ALTER TABLE orders VALIDATE CONSTRAINT orders_status;

-- step
ALTER TABLE order_lines
    ADD COLUMN discount_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN limit_epoch smallint NOT NULL DEFAULT 0,
    ADD COLUMN shipped_quantity smallint NOT NULL DEFAULT 0,
    ADD COLUMN restocked_quantity smallint NOT NULL DEFAULT 0,
    ADD COLUMN returned_quantity smallint NOT NULL DEFAULT 0,
    ADD COLUMN refunding_quantity smallint NOT NULL DEFAULT 0,
    ADD COLUMN refunded_quantity smallint NOT NULL DEFAULT 0,
    ADD COLUMN aside_quantity smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_lines_discount CHECK (discount_fen BETWEEN 0 AND quantity * unit_price_fen) NOT VALID,
    ADD CONSTRAINT order_lines_units CHECK (
        LEAST(shipped_quantity, restocked_quantity, returned_quantity, aside_quantity) >= 0
        AND shipped_quantity + returned_quantity + aside_quantity <= quantity
        AND restocked_quantity <= shipped_quantity) NOT VALID,
    ADD CONSTRAINT order_lines_refunds CHECK (
        LEAST(refunding_quantity, refunded_quantity) >= 0 AND refunding_quantity + refunded_quantity <= quantity
        AND aside_quantity <= refunding_quantity) NOT VALID;

-- step
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_discount;

-- step
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_units;

-- step
ALTER TABLE order_lines VALIDATE CONSTRAINT order_lines_refunds;

-- step
ALTER TABLE refunds
    ADD COLUMN freight_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN restock boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT refunds_freight CHECK (freight_fen BETWEEN 0 AND amount_fen) NOT VALID;

-- step
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_freight;

-- step
CREATE TABLE purchases (
    user_id bigint NOT NULL,
    sku_id text NOT NULL,
    epoch smallint NOT NULL,
    units int NOT NULL CHECK (units >= 0),
    PRIMARY KEY (user_id, sku_id, epoch)
) WITH (fillfactor = 70);
CREATE TABLE shipments (
    order_id bigint NOT NULL,
    n smallint NOT NULL,
    shipped_at timestamptz NOT NULL DEFAULT now(),
    carrier text NOT NULL,
    tracking_number text NOT NULL,
    sku_ids text[] NOT NULL,
    quantities int[] NOT NULL,
    PRIMARY KEY (order_id, n),
    CHECK (cardinality(sku_ids) > 0 AND cardinality(sku_ids) = cardinality(quantities))
);
CREATE TABLE completions (
    order_id bigint PRIMARY KEY,
    shipped_at timestamptz NOT NULL
);
CREATE INDEX completions_due ON completions (shipped_at);

-- step
CREATE TABLE refund_lines (
    refund_id bigint NOT NULL REFERENCES refunds,
    sku_id text NOT NULL,
    quantity smallint NOT NULL CHECK (quantity > 0),
    aside_quantity smallint NOT NULL,
    restock_quantity smallint NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    PRIMARY KEY (refund_id, sku_id),
    CHECK (aside_quantity >= 0 AND restock_quantity >= 0 AND aside_quantity + restock_quantity <= quantity)
);

-- finish
INSERT INTO completions (order_id, shipped_at)
SELECT id, shipped_at FROM orders WHERE status = 'shipped' ON CONFLICT DO NOTHING;
