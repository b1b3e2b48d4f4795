-- Differences between Redis, Postgres and the payment provider that reconciliation has found, and
-- what keeps old rows and old gates from staying for ever. Only additions.

-- A row per difference: history, so it outlives the deal and the order that it names. It is open
-- until it was seen to be gone.
CREATE TABLE drift (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class       text NOT NULL CHECK (class IN (
        'LOST_HOLD', 'PHANTOM_STOCK', 'COUNTER_DRIFT', 'ORPHAN_INTENT', 'PAID_WITHOUT_ORDER',
        'STUCK_ORDER')),
    deal_id     text COLLATE "C",                     -- an order's first deal; NULL: of no deal
    user_id     text COLLATE "C",                     -- whose order it is; NULL: of no order
    order_id    text COLLATE "C",
    intent_id   text COLLATE "C",
    units       integer NOT NULL CHECK (units >= 0),  -- how many units differ; 0: none
    note        text NOT NULL,                        -- what differed, and what was done about it
    found_at    timestamptz NOT NULL,
    repaired_at timestamptz                           -- NULL: still open
);
-- However many workers find one difference, it is one row while it is open.
CREATE UNIQUE INDEX drift_open ON drift
    (coalesce(deal_id, ''), class, coalesce(order_id, ''), coalesce(intent_id, ''))
    WHERE repaired_at IS NULL;
CREATE INDEX drift_by_deal ON drift (deal_id, found_at);

-- When the gate of an ended deal was found empty and was removed; NULL: there may be a gate.
ALTER TABLE deals ADD COLUMN gate_closed_at timestamptz;

-- The oldest first, for pruning.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Intents that can still move money, for comparing them with orders that have ended.
CREATE INDEX payments_open ON payments (created_at)
    WHERE status NOT IN ('SUCCEEDED', 'CANCELLED', 'REFUNDED');
