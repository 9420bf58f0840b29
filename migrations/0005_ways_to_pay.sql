-- Order codes, mini-programs and installments.
-- oldest code: 1

-- step: alone
ALTER TYPE payment_method ADD VALUE IF NOT EXISTS 'order_code';
ALTER TYPE payment_method ADD VALUE IF NOT EXISTS 'mini';

-- step
ALTER TABLE payments
    ADD COLUMN buyer_open_id text,
    ADD COLUMN buyer_id text,
    ADD COLUMN installments smallint,
    ADD CONSTRAINT payments_buyer CHECK (method = 'mini' OR num_nonnulls(buyer_open_id, buyer_id) = 0) NOT VALID,
    ADD CONSTRAINT payments_installments CHECK (
        installments IS NULL OR (installments IN (3, 6, 12) AND method IN ('page', 'wap', 'app'))) NOT VALID;

-- step
ALTER TABLE payments VALIDATE CONSTRAINT payments_buyer;

-- step
ALTER TABLE payments VALIDATE CONSTRAINT payments_installments;
