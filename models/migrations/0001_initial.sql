-- The whole schema of a first deployment. Units are whole; money is in minor units; time is UTC.

-- Accounts ------------------------------------------------------------------------------------

CREATE TABLE users (
    id            text COLLATE "C" PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL,
    password_hash text,                               -- NULL: signs in with a provider only
    role          text NOT NULL DEFAULT 'BUYER' CHECK (role IN ('BUYER', 'OPERATOR')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE social_accounts (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    user_id    text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);

-- Only a hash of the token is kept: a stolen copy of this table signs nobody in.
CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    user_id    text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id);

-- Deals and their stock -----------------------------------------------------------------------

CREATE TABLE deals (
    id               text COLLATE "C" PRIMARY KEY,
    product_id       text COLLATE "C" NOT NULL,       -- of the catalogue in MongoDB
    category         text NOT NULL,                   -- a copy of the product's, to filter by
    title            text NOT NULL,
    price_minor      integer NOT NULL CHECK (price_minor >= 0),
    list_price_minor integer NOT NULL CHECK (list_price_minor >= price_minor),
    currency         text NOT NULL,
    discount_percent integer NOT NULL,
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz NOT NULL,
    paused_at        timestamptz,
    purchase_limit   integer NOT NULL CHECK (purchase_limit > 0),
    epoch            bigint NOT NULL DEFAULT 0,       -- of the gate; raised at each rebuild
    epoch_raised_at  timestamptz NOT NULL DEFAULT '-infinity',  -- a rebuild this young is under way
    revision         bigint NOT NULL DEFAULT 1,       -- of the terms; raised at each edit
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (starts_at <= ends_at)
);
CREATE INDEX deals_by_start ON deals (starts_at);
CREATE INDEX deals_by_end ON deals (ends_at, id);
CREATE INDEX deals_by_creation ON deals (created_at DESC, id DESC);
CREATE INDEX deals_by_discount ON deals (discount_percent DESC, id DESC);
CREATE INDEX deals_by_price ON deals (price_minor, id);
CREATE INDEX deals_by_product ON deals (product_id);

-- An oversold deal cannot be written: the last CHECK is the promise.
CREATE TABLE deal_stock (
    deal_id      text COLLATE "C" PRIMARY KEY REFERENCES deals (id) ON DELETE CASCADE,
    allotment    integer NOT NULL CHECK (allotment >= 0),      -- without the safety stock
    safety_stock integer NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    claimed      integer NOT NULL DEFAULT 0,
    sold         integer NOT NULL DEFAULT 0,
    ledger_seq   bigint NOT NULL DEFAULT 0,
    ledger_head  bytea NOT NULL DEFAULT '\x',
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT never_oversold CHECK (0 <= sold AND sold <= claimed AND claimed <= allotment)
);

-- The purchase limit once more, in the same transaction as the claim.
CREATE TABLE deal_buyers (
    user_id text COLLATE "C" NOT NULL,
    deal_id text COLLATE "C" NOT NULL,
    units   integer NOT NULL CHECK (units >= 0),
    PRIMARY KEY (user_id, deal_id)
);
CREATE INDEX deal_buyers_by_deal ON deal_buyers (deal_id);

-- Every change of a deal's allotment, claimed or sold units; each entry holds the hash of the one before.
CREATE TABLE stock_ledger (
    deal_id   text COLLATE "C" NOT NULL REFERENCES deals (id) ON DELETE CASCADE,
    seq       bigint NOT NULL,
    reason    text NOT NULL,
    units     integer NOT NULL,
    order_ids text[] NOT NULL DEFAULT '{}',
    actor     text NOT NULL,
    note      text NOT NULL DEFAULT '',
    allotment integer NOT NULL,
    claimed   integer NOT NULL,
    sold      integer NOT NULL,
    at        timestamptz NOT NULL,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (deal_id, seq)
);

-- Checkouts, orders, payments -----------------------------------------------------------------

CREATE TABLE checkouts (
    user_id       text COLLATE "C" NOT NULL,
    id            text COLLATE "C" NOT NULL,
    lines         jsonb NOT NULL,                     -- deal_id, title, quantity, unit_price_minor
    total_minor   bigint NOT NULL,
    currency      text NOT NULL,
    expires_at    timestamptz NOT NULL,
    superseded_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id)
);

CREATE TABLE orders (
    user_id        text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    number         text NOT NULL,
    checkout_id    text COLLATE "C" NOT NULL,
    status         text NOT NULL CHECK (status IN (
        'PENDING_PAYMENT', 'CANCELLING', 'CANCELLED', 'EXPIRING', 'EXPIRED', 'PAID',
        'REFUND_PENDING', 'REFUNDED', 'UNDER_REVIEW', 'ABANDONED')),
    rank           smallint NOT NULL,                 -- of the last message to the gate, protocol rule 4
    owns_units     boolean NOT NULL,                  -- false once its units were freed
    total_minor    bigint NOT NULL,
    currency       text NOT NULL,
    placed_at      timestamptz NOT NULL,
    payment_due_at timestamptz NOT NULL,
    checked_at     timestamptz NOT NULL,              -- when the provider was last heard of
    paid_by        text COLLATE "C",                  -- the payment intent that paid it
    intent_refusal text,                              -- why the provider will never open an intent
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id),
    CONSTRAINT one_order_per_checkout UNIQUE (user_id, checkout_id)
) PARTITION BY HASH (user_id);
CREATE INDEX orders_of_user ON orders (user_id, placed_at DESC, id DESC);
CREATE INDEX orders_due ON orders (payment_due_at) WHERE status = 'PENDING_PAYMENT';
CREATE INDEX orders_in_transit ON orders (checked_at)
    WHERE status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING', 'REFUND_PENDING');

CREATE TABLE order_lines (
    user_id          text COLLATE "C" NOT NULL,
    order_id         text COLLATE "C" NOT NULL,
    deal_id          text COLLATE "C" NOT NULL,
    position         smallint NOT NULL,
    title            text NOT NULL,
    quantity         integer NOT NULL CHECK (quantity > 0),
    unit_price_minor integer NOT NULL,
    PRIMARY KEY (user_id, order_id, deal_id)
) PARTITION BY HASH (user_id);
CREATE INDEX order_lines_by_deal ON order_lines (deal_id);

-- Eight partitions: enough for parallel vacuums on one machine, few enough to plan quickly.
DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE orders_%s PARTITION OF orders
                        FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
        EXECUTE format('CREATE TABLE order_lines_%s PARTITION OF order_lines
                        FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
    END LOOP;
END $$;

-- A row per payment intent: all intents of an order count, protocol rule 8.
CREATE TABLE payments (
    user_id         text COLLATE "C" NOT NULL,
    order_id        text COLLATE "C" NOT NULL,
    intent_id       text COLLATE "C" NOT NULL,
    status          text NOT NULL,
    amount_minor    bigint NOT NULL,
    currency        text NOT NULL,
    client_secret   text,
    failure_message text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, order_id, intent_id)
);

CREATE TABLE idempotency_keys (
    user_id      text COLLATE "C" NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    order_id     text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

-- The payment provider's events, each handled once.
CREATE TABLE inbox (
    event_id    text PRIMARY KEY,
    type        text NOT NULL,
    intent_id   text,
    user_id     text,
    order_id    text,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    handled_at  timestamptz
);

-- One notification per fact: the row is written before the message is sent.
CREATE TABLE notifications (
    user_id    text COLLATE "C" NOT NULL,
    fact       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, fact)
);
