-- The one truth about tables. Money is fen, times are UTC, `checkout migrate` applies this to an empty database.
--
-- Foreign keys stand only where rows are few. On the tables of the hot path each would cost a lookup and a
-- row lock per line; there one transaction writes both sides, and `checkout audit` proves that they agree.

CREATE TYPE order_status AS ENUM
    ('accepted', 'rejected', 'awaiting_payment', 'awaiting_shipment', 'shipped', 'completed', 'closed');
CREATE TYPE pay_method AS ENUM ('alipay', 'cash');
CREATE TYPE stock_state AS ENUM ('held', 'returned', 'left');
CREATE TYPE payment_method AS ENUM ('page', 'wap', 'app', 'qr', 'order_code', 'mini');
CREATE TYPE payment_status AS ENUM ('open', 'paid', 'closed', 'refunded');
CREATE TYPE payment_evidence AS ENUM ('never_offered', 'closed_at_alipay', 'expired_unborn');
CREATE TYPE refund_status AS ENUM ('requested', 'unknown', 'succeeded', 'failed');
CREATE TYPE refund_source AS ENUM ('operator', 'late', 'double', 'external');

-- Which files of migrations/ are in this schema, and the oldest code that can live with it.
CREATE TABLE schema_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version int NOT NULL,
    oldest_code int NOT NULL,
    steps_done int NOT NULL DEFAULT 0, -- of the next file, while it is being applied
    -- No process of code before this number runs any more (`checkout migrate --finish`): what it would get wrong may
    -- be written from then on.
    finished int NOT NULL DEFAULT 0,
    CHECK (oldest_code <= version)
);
INSERT INTO schema_version (version, oldest_code, finished) VALUES (9, 1, 9);

-- An amount as a person reads it.
CREATE FUNCTION yuan(fen bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT to_char(fen / 100.0, 'FM99999999990.00') $$;


-- Catalogue and stock ------------------------------------------------------------------------------------

CREATE TABLE spus (
    id text PRIMARY KEY,
    sales bigint NOT NULL DEFAULT 0 CHECK (sales >= 0)
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- One row is updated by every batch that sells it. Room on its page keeps each update heap-only, and no index
-- covers a column that a sale changes.
CREATE TABLE skus (
    id text PRIMARY KEY,
    spu_id text NOT NULL REFERENCES spus,
    title text NOT NULL,
    price_fen bigint NOT NULL CHECK (price_fen BETWEEN 1 AND 10000000000),
    stock bigint NOT NULL DEFAULT 0 CHECK (stock >= 0),
    sales bigint NOT NULL DEFAULT 0 CHECK (sales >= 0),
    on_sale boolean NOT NULL DEFAULT true,
    sequence int NOT NULL DEFAULT 0, -- of its last stock event
    weight_g int NOT NULL DEFAULT 0 CHECK (weight_g >= 0), -- of one unit, for freight by weight
    limit_per_user int CHECK (limit_per_user > 0), -- NULL: everybody may buy as much as there is
    limit_epoch smallint NOT NULL DEFAULT 0 -- how often a limit was set where none was: what was bought before is free
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Every change of sellable stock from outside; stock = sum of these - units that orders hold or took.
CREATE TABLE stock_adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku_id text NOT NULL REFERENCES skus,
    delta bigint NOT NULL,
    reason text NOT NULL,
    adjusted_at timestamptz NOT NULL DEFAULT now(),
    key text, -- who asks again with it changes nothing more
    asked bigint -- with that key: so many units to add, or to set the stock to
);

-- Whether a key came before; the SKU's lock alone already keeps two of them apart.
CREATE UNIQUE INDEX stock_adjustments_keys ON stock_adjustments (sku_id, key) WHERE key IS NOT NULL;


-- Orders -------------------------------------------------------------------------------------------------

-- Exact caps come from a locked row per user, never from counting.
CREATE TABLE users (
    id bigint PRIMARY KEY,
    open_orders int NOT NULL DEFAULT 0 CHECK (open_orders >= 0) -- unpaid orders that hold stock, cash ones until they are shipped
) WITH (fillfactor = 70);

-- What each user's orders hold or took of a SKU while it has a limit. Who changes a row holds its user's lock.
CREATE TABLE purchases (
    user_id bigint NOT NULL,
    sku_id text NOT NULL,
    epoch smallint NOT NULL, -- the SKU's limit_epoch when the units were taken
    units int NOT NULL CHECK (units >= 0),
    PRIMARY KEY (user_id, sku_id, epoch)
) WITH (fillfactor = 70);

-- Placing, paying and closing update columns that no index covers, on a page with room: heap-only updates.
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    placed_at timestamptz,
    pay_before timestamptz,
    closing_at timestamptz, -- from here on no attempt is opened; stock waits for the proof that none can succeed
    paid_at timestamptz,
    shipped_at timestamptz,
    completed_at timestamptz,
    closed_at timestamptz,
    goods_fen bigint,
    freight_fen bigint,
    total_fen bigint,
    expected_total_fen bigint,
    version int NOT NULL DEFAULT 1, -- grows with each change; the sequence of the order's last event
    status order_status NOT NULL DEFAULT 'accepted',
    pay_method pay_method NOT NULL,
    stock stock_state, -- where those units are of which its lines say nothing else; NULL: none were taken
    from_cart boolean NOT NULL DEFAULT false,
    sku_ids text[] NOT NULL, -- what was asked for; what was bought stands in order_lines
    quantities int[] NOT NULL,
    recipient text NOT NULL,
    phone text NOT NULL,
    region text NOT NULL,
    detail text NOT NULL,
    remark text NOT NULL DEFAULT '',
    reason text,
    shortages jsonb,
    reference text NOT NULL DEFAULT '', -- the shop's own number for it
    metadata jsonb, -- the shop's own words for it: text by name
    discount_fen bigint NOT NULL DEFAULT 0 CHECK (discount_fen >= 0), -- the sum of its lines'
    erased_at timestamptz, -- nobody knows any more for whom it was
    CHECK (cardinality(sku_ids) BETWEEN 1 AND 100 AND cardinality(sku_ids) = cardinality(quantities)),
    -- A placed order has totals and knows where its stock is; a rejected one may carry the totals that would hold.
    CHECK ((placed_at IS NULL) = (stock IS NULL)),
    CHECK (placed_at IS NULL OR total_fen IS NOT NULL),
    CONSTRAINT orders_total CHECK (total_fen = goods_fen - discount_fen + freight_fen),
    CHECK ((pay_before IS NOT NULL) = (placed_at IS NOT NULL AND pay_method = 'alipay')),
    -- What was erased stays so: nothing of it is written again.
    CONSTRAINT orders_erased CHECK (erased_at IS NULL
        OR (recipient = '' AND phone = '' AND detail = '' AND remark = '' AND metadata IS NULL)),
    -- The status and its times agree. What is shipped may hold units whose money is on its way back.
    CONSTRAINT orders_status CHECK (CASE status
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
    END)
) WITH (fillfactor = 75);

-- Few shops give their orders numbers of their own; those who do look for them, a page at a time.
CREATE INDEX orders_of_reference ON orders (reference, id) WHERE reference <> '';
-- A user's own orders, newest first, by keyset.
CREATE INDEX orders_of_user ON orders (user_id, id);

CREATE TABLE order_lines (
    order_id bigint NOT NULL,
    sku_id text NOT NULL,
    spu_id text NOT NULL,
    title text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    unit_price_fen bigint NOT NULL CHECK (unit_price_fen > 0),
    discount_fen bigint NOT NULL DEFAULT 0, -- off the whole line
    limit_epoch smallint NOT NULL DEFAULT 0, -- under which limit its units count in `purchases`; 0: under none
    -- Where some of its units are; the rest, quantity - shipped - returned, is where the order's `stock` says.
    shipped_quantity smallint NOT NULL DEFAULT 0, -- ever, in parcels
    restocked_quantity smallint NOT NULL DEFAULT 0, -- of these: came back, and are for sale again
    returned_quantity smallint NOT NULL DEFAULT 0, -- never left, and are for sale again
    -- And whose money goes back by line; of the units being refunded, those set aside are neither shipped nor sold.
    refunding_quantity smallint NOT NULL DEFAULT 0,
    refunded_quantity smallint NOT NULL DEFAULT 0,
    aside_quantity smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, sku_id),
    CONSTRAINT order_lines_discount CHECK (discount_fen BETWEEN 0 AND quantity * unit_price_fen),
    CONSTRAINT order_lines_units CHECK (
        LEAST(shipped_quantity, restocked_quantity, returned_quantity, aside_quantity) >= 0
        AND shipped_quantity + returned_quantity + aside_quantity <= quantity
        AND restocked_quantity <= shipped_quantity),
    CONSTRAINT order_lines_refunds CHECK (
        LEAST(refunding_quantity, refunded_quantity) >= 0 AND refunding_quantity + refunded_quantity <= quantity
        AND aside_quantity <= refunding_quantity)
);

-- What left together. The units of orders that older code shipped are in none.
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

-- Shipped orders that complete by themselves, with the time of their last parcel: what is due stands at the front.
CREATE TABLE completions (
    order_id bigint PRIMARY KEY,
    shipped_at timestamptz NOT NULL
);
CREATE INDEX completions_due ON completions (shipped_at);

-- Accepted orders that wait to be placed: small, so that the sweep costs what is pending, not what exists.
CREATE TABLE arrivals (
    order_id bigint PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now(), -- it waits since then; a retry begins anew
    -- The backend that took it when it was overdue, committed before it was placed: if the backend is gone and the
    -- order is still here, the worker may have died of it.
    claimed_by int,
    claimed_since timestamptz, -- when that backend started; its number is used again
    deaths smallint NOT NULL DEFAULT 0, -- how many such backends are gone; from 3 on it is placed alone
    alone_at timestamptz, -- placed from then on, and alone: together with others it may harm them
    tries smallint NOT NULL DEFAULT 0, -- how often alone, without an end
    error text, -- what the last try alone said
    parked boolean NOT NULL DEFAULT false, -- the database's own verdict: a person decides (checkout orders retry)
    CHECK ((claimed_by IS NULL) = (claimed_since IS NULL)),
    CHECK (NOT parked OR error IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Placed orders whose units still have to leave the buyer's cart in Redis.
CREATE TABLE cart_clearings (
    order_id bigint PRIMARY KEY,
    user_id bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);

-- Idempotency keys are random, so they live in day partitions: the index that is written stays small, and old
-- days are dropped whole. `digest` is the first half of SHA-256 of user and key, which fits the uuid type exactly;
-- the audit derives it again.
CREATE TABLE order_keys (
    digest uuid NOT NULL,
    fingerprint uuid NOT NULL, -- the same of the normalised request
    key text NOT NULL,
    order_id bigint NOT NULL,
    day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    PRIMARY KEY (digest, day)
) PARTITION BY RANGE (day);


-- Payments -----------------------------------------------------------------------------------------------

-- One row is one attempt to collect.
CREATE TABLE payments (
    order_id bigint NOT NULL,
    n smallint NOT NULL,
    status payment_status NOT NULL DEFAULT 'open',
    method payment_method, -- NULL until the buyer first asks to pay
    evidence payment_evidence, -- why a closed attempt can never bring money
    kept boolean NOT NULL DEFAULT false, -- its money pays for the order
    queries smallint NOT NULL DEFAULT 0,
    amount_fen bigint NOT NULL CHECK (amount_fen BETWEEN 1 AND 10000000000),
    paid_fen bigint NOT NULL DEFAULT 0 CHECK (paid_fen >= 0),
    refunded_fen bigint NOT NULL DEFAULT 0 CHECK (refunded_fen >= 0),
    refunding_fen bigint NOT NULL DEFAULT 0 CHECK (refunding_fen >= 0), -- requested or unknown refunds
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz, -- when somebody must look at this attempt, or through it at its order: orders/attempts.py
    hastened_at timestamptz, -- when somebody last had Alipay asked out of turn
    leased_until timestamptz, -- somebody is looking; who dies meanwhile leaves an attempt that is due
    offered_at timestamptz, -- when it was first handed to the buyer
    payable_until timestamptz, -- after this instant Alipay cannot have taken money for it unseen
    paid_at timestamptz,
    closed_at timestamptz,
    refund_called_at timestamptz, -- Alipay wants seconds between two refunds of one trade
    out_trade_no text NOT NULL UNIQUE,
    trade_no text, -- Alipay's; of a mini-program's trade since it was made, else since it was paid
    qr_code text,
    buyer_open_id text, -- for whom a mini-program's trade is made; by one of the two
    buyer_id text,
    installments smallint, -- 花呗分期
    PRIMARY KEY (order_id, n),
    CONSTRAINT payments_buyer CHECK (method = 'mini' OR num_nonnulls(buyer_open_id, buyer_id) = 0),
    CONSTRAINT payments_installments CHECK (
        installments IS NULL OR (installments IN (3, 6, 12) AND method IN ('page', 'wap', 'app'))),
    CHECK (refunded_fen + refunding_fen <= paid_fen),
    CHECK ((offered_at IS NULL) = (payable_until IS NULL) AND (offered_at IS NULL OR method IS NOT NULL)),
    CHECK (NOT kept OR paid_fen = amount_fen),
    CHECK (CASE status
        WHEN 'open' THEN paid_at IS NULL AND closed_at IS NULL AND paid_fen = 0 AND evidence IS NULL
        WHEN 'paid' THEN paid_at IS NOT NULL AND paid_fen > 0 AND trade_no IS NOT NULL
        WHEN 'closed' THEN closed_at IS NOT NULL AND paid_fen = 0 AND evidence IS NOT NULL
        WHEN 'refunded' THEN paid_at IS NOT NULL AND refunded_fen = paid_fen
    END)
) WITH (fillfactor = 80);

-- What is due now; expiry, queries and closes all follow this one index.
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;
-- At most one attempt of an order is kept.
CREATE UNIQUE INDEX payments_kept ON payments (order_id) WHERE kept;
-- A trade of Alipay pays for one attempt, for ever.
CREATE UNIQUE INDEX payments_trade ON payments (trade_no) WHERE trade_no IS NOT NULL;
-- What nobody would ever look at again: it is empty, and `checkout stuck` finds by it what should not be.
CREATE INDEX payments_forgotten ON payments (order_id) WHERE status = 'open' AND due_at IS NULL;
-- Money that must go back and has not: it is looked at often and is little.
CREATE INDEX payments_not_kept ON payments (order_id) WHERE NOT kept AND refunded_fen < paid_fen;

CREATE TABLE refunds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL,
    n smallint NOT NULL,
    status refund_status NOT NULL DEFAULT 'requested',
    source refund_source NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    tries smallint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz,
    finished_at timestamptz,
    out_request_no text NOT NULL UNIQUE, -- fixed for ever: a retry with another number would pay twice
    digest uuid UNIQUE, -- the first half of SHA-256 of order and Idempotency-Key
    fingerprint uuid,
    key text,
    reason text NOT NULL DEFAULT '',
    error text,
    refusal text, -- Alipay refused a later try; whether an earlier one had moved the money is being asked
    freight_fen bigint NOT NULL DEFAULT 0, -- of its amount
    restock boolean NOT NULL DEFAULT false, -- units that had left came back with it
    FOREIGN KEY (order_id, n) REFERENCES payments,
    CHECK ((digest IS NULL) = (key IS NULL)),
    CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT refunds_freight CHECK (freight_fen BETWEEN 0 AND amount_fen)
);
CREATE INDEX refunds_of_order ON refunds (order_id);
CREATE INDEX refunds_due ON refunds (next_try_at) WHERE next_try_at IS NOT NULL;
-- As payments_forgotten: empty.
CREATE INDEX refunds_forgotten ON refunds (order_id) WHERE finished_at IS NULL AND next_try_at IS NULL;
-- What an operator asked for and Alipay refused: a person looks at it, however many were made.
CREATE INDEX refunds_failed ON refunds (order_id, n) WHERE status = 'failed' AND source = 'operator';

-- The units of a refund by line, and what of them goes back to sale once the money has moved.
CREATE TABLE refund_lines (
    refund_id bigint NOT NULL REFERENCES refunds,
    sku_id text NOT NULL,
    quantity smallint NOT NULL CHECK (quantity > 0),
    aside_quantity smallint NOT NULL, -- had not left
    restock_quantity smallint NOT NULL, -- had left, and came back
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    PRIMARY KEY (refund_id, sku_id),
    CHECK (aside_quantity >= 0 AND restock_quantity >= 0 AND aside_quantity + restock_quantity <= quantity)
);

-- What Alipay told us, as it told it. `fact` is BLAKE2b-128 over what makes two notifies the same news.
CREATE TABLE notifies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact uuid NOT NULL UNIQUE,
    out_trade_no text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz,
    outcome text,
    params jsonb NOT NULL,
    blanked_at timestamptz, -- what names the buyer was taken out, and with it what its signature was made over
    CHECK ((applied_at IS NULL) = (outcome IS NULL))
);
-- Alipay never sends again after `success`, so what is not applied yet must be found again.
CREATE INDEX notifies_pending ON notifies (id) WHERE applied_at IS NULL;

-- What Alipay told of one attempt, for an order's timeline and for its erasure.
CREATE INDEX notifies_of_payment ON notifies (out_trade_no);

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

-- What only a person can settle; raised once per kind and subject, which is a payment's or a refund's number.
CREATE TABLE alarms (
    kind text NOT NULL,
    subject text NOT NULL,
    order_id bigint,
    fen bigint,
    says text NOT NULL, -- a sentence, without personal data
    raised_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz, -- it was settled by itself
    PRIMARY KEY (subject, kind) -- in this order, since what becomes final settles all that is about it
);
-- What is open is looked at often and is little.
CREATE INDEX alarms_open ON alarms (kind) WHERE resolved_at IS NULL;

-- Matters of `checkout stuck` that a person has settled; one that begins after `resolved_at` is new.
CREATE TABLE resolutions (
    kind text NOT NULL,
    subject text NOT NULL,
    note text NOT NULL CHECK (note <> ''),
    resolved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject)
);
-- What was said about one order, for its timeline.
CREATE INDEX resolutions_of_subject ON resolutions (subject);


-- Our own loops: who stands still is named by doctor, metrics and /health/ready.
CREATE TABLE heartbeats (
    loop text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now(), -- it has run without a pause since then
    faults bigint NOT NULL DEFAULT 0, -- what nobody foresaw, and it went on
    last_fault text,
    last_fault_at timestamptz
);


-- Events -------------------------------------------------------------------------------------------------

-- Append-only, written in the transaction of the change they tell of, kept 30 days. Ids come from one uncached
-- sequence and are drawn under the subject's row lock: sorted by id they are in sequence for each subject.
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(),
    sequence int NOT NULL,
    topic text NOT NULL, -- the routing key
    subject text NOT NULL,
    data json NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX events_in_order ON events (id);
-- The first id is the time of birth in microseconds, so that no later database of this shop draws an id again.
SELECT setval('events_id_seq', (extract(epoch FROM now()) * 1000000)::bigint, false);

-- The trace (W3C's traceparent) of each order whose request belonged to one: what happens to the order later is told
-- in the same. A table of its own, since most shops have none. Kept 30 days, like the log.
CREATE TABLE traces (
    order_id bigint PRIMARY KEY,
    traceparent text NOT NULL CHECK (length(traceparent) = 55),
    since timestamptz NOT NULL DEFAULT now()
);

-- Events as they are told. By a lookup for each, never by a join: that would read all traces where many are new.
CREATE VIEW told_events AS
    SELECT id, at, topic, subject, sequence, data, (
        SELECT traceparent FROM traces
        WHERE order_id = CASE WHEN topic NOT LIKE 'stock.%' AND subject ~ '^[0-9]{1,18}$' THEN subject::bigint END
    ) AS traceparent
    FROM events;

-- One relay at a time, by a lease. Every event up to `published` has left.
CREATE TABLE relay (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    published bigint NOT NULL DEFAULT 0,
    sent_through bigint NOT NULL DEFAULT 0, -- the same, written by the relay alone: where it goes on
    holder uuid,
    leased_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO relay DEFAULT VALUES;


-- Webhooks ------------------------------------------------------------------------------------------------

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


-- Erasure ------------------------------------------------------------------------------------------------

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

-- How far the orders were looked through for the age at which they are erased, and until when somebody may be
-- taking buyers out of bills.
CREATE TABLE retention (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    walked bigint NOT NULL DEFAULT 0,
    blanking_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO retention DEFAULT VALUES;

-- Rows of stored bills in which a buyer is still named.
CREATE TABLE bill_erasures (
    day date NOT NULL,
    out_trade_no text NOT NULL,
    PRIMARY KEY (day, out_trade_no)
);


-- Reconciliation -----------------------------------------------------------------------------------------

-- Alipay's bill of a Beijing day.
CREATE TABLE bills (
    day date PRIMARY KEY,
    asked_at timestamptz NOT NULL, -- what moved later is not on it
    lines int CHECK (lines >= 0), -- NULL: the archive is here, but its lines are not all read yet
    erasures_planned boolean NOT NULL DEFAULT false -- its rows of orders erased before are in bill_erasures, or blank
);

-- Its zip as it was downloaded, in pieces: no reader needs it whole. A zip is not worth compressing again.
CREATE TABLE bill_archives (
    day date NOT NULL REFERENCES bills,
    piece int NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (day, piece)
);
ALTER TABLE bill_archives ALTER COLUMN bytes SET STORAGE EXTERNAL; -- In CREATE TABLE only from PostgreSQL 16 on.

-- The money that it names. A busy day has as many lines as payments, hence no foreign key.
CREATE TABLE bill_lines (
    day date NOT NULL,
    line int NOT NULL,
    fen bigint, -- NULL: it can be read in several ways, and proves nothing about its trade on that day
    out_trade_no text NOT NULL,
    request_no text NOT NULL, -- of a refund
    PRIMARY KEY (day, line),
    CHECK ((request_no = '') = (fen > 0) AND fen <> 0), -- A payment came in; a refund has a number and went out.
    CHECK (fen IS NOT NULL OR request_no = '')
);
-- Our books may have the same money on the day before or after.
CREATE INDEX bill_lines_of_trade ON bill_lines (out_trade_no, request_no);

CREATE TABLE discrepancies (
    day date NOT NULL REFERENCES bills,
    kind text NOT NULL CHECK (kind IN ('ours_only', 'theirs_only', 'amount', 'state')),
    out_trade_no text NOT NULL,
    request_no text NOT NULL DEFAULT '', -- '' for the payment itself, else the refund's
    ours_fen bigint,
    theirs_fen bigint,
    held boolean NOT NULL DEFAULT false, -- near midnight: the bill of the other day may have it
    action text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    PRIMARY KEY (day, kind, out_trade_no, request_no),
    CHECK (NOT held OR kind = 'ours_only'), -- What Alipay has on its bill needs no waiting.
    -- One side's money, or both sides' that do not agree.
    CHECK ((ours_fen IS NULL) = (kind = 'theirs_only') AND (theirs_fen IS NULL) = (kind = 'ours_only'))
);
-- What a bill said about one attempt, for its order's timeline.
CREATE INDEX discrepancies_of_trade ON discrepancies (out_trade_no);
-- What is open is looked at often and is little; what was resolved is kept.
CREATE INDEX discrepancies_open ON discrepancies (found_at) WHERE resolved_at IS NULL;


-- Day partitions -----------------------------------------------------------------------------------------

-- The default partitions catch what comes when nobody made tomorrow's; they are normally empty.
CREATE TABLE order_keys_other PARTITION OF order_keys DEFAULT;
CREATE TABLE events_other PARTITION OF events DEFAULT;
CREATE TABLE webhook_deliveries_other PARTITION OF webhook_deliveries DEFAULT;

-- An event's place in its subject is unique. The partition's day is no part of that, so each has its own index;
-- an order and a SKU may share an id, hence the third column.
CREATE UNIQUE INDEX ON events_other (subject, sequence, (topic LIKE 'stock.%'));

CREATE FUNCTION make_partitions(first date, last date) RETURNS void LANGUAGE plpgsql AS $$
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

-- Drops the whole days before `kept_from` of one partitioned table; returns how many.
CREATE FUNCTION drop_partitions(parent text, kept_from date) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    old text;
    dropped int := 0;
BEGIN
    FOR old IN
        SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent = parent::regclass AND inhrelid::regclass::text ~ (parent || '_\d{8}$')
            AND right(inhrelid::regclass::text, 8) < to_char(kept_from, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', old);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

SELECT make_partitions((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7);
