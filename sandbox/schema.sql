-- The sandbox's books. What must never be true of money is refused here, whatever the code does.

CREATE TABLE IF NOT EXISTS intents (
    seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  TEXT NOT NULL UNIQUE,
    client_secret       TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN (
        'requires_payment_method', 'requires_confirmation', 'requires_action', 'processing',
        'succeeded', 'canceled')),
    amount              INTEGER NOT NULL CHECK (amount > 0),
    amount_received     INTEGER NOT NULL DEFAULT 0,
    amount_refunded     INTEGER NOT NULL DEFAULT 0,
    currency            TEXT NOT NULL,
    description         TEXT,
    receipt_email       TEXT,
    metadata            TEXT NOT NULL DEFAULT '{}',
    payment_method      TEXT,
    last_payment_error  TEXT,
    latest_charge       TEXT,
    challenge           TEXT UNIQUE,              -- an open 3-D Secure question
    challenge_url       TEXT,
    return_url          TEXT,
    canceled_at         INTEGER,
    cancellation_reason TEXT,
    created             INTEGER NOT NULL,
    CHECK (amount_received = CASE status WHEN 'succeeded' THEN amount ELSE 0 END),
    CHECK (amount_refunded BETWEEN 0 AND amount_received),
    CHECK ((status = 'canceled') = (canceled_at IS NOT NULL)),
    CHECK ((status = 'requires_action') = (challenge IS NOT NULL))
) STRICT;

CREATE TABLE IF NOT EXISTS charges (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    intent_id       TEXT NOT NULL REFERENCES intents (id),
    status          TEXT NOT NULL CHECK (status IN ('succeeded', 'failed')),
    amount          INTEGER NOT NULL CHECK (amount > 0),
    currency        TEXT NOT NULL,
    payment_method  TEXT NOT NULL,
    failure_code    TEXT,
    failure_message TEXT,
    created         INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS charges_of_intent ON charges (intent_id);
CREATE UNIQUE INDEX IF NOT EXISTS one_capture_per_intent ON charges (intent_id)
    WHERE status = 'succeeded';

CREATE TABLE IF NOT EXISTS refunds (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    intent_id TEXT NOT NULL REFERENCES intents (id),
    charge_id TEXT NOT NULL REFERENCES charges (id),
    amount    INTEGER NOT NULL CHECK (amount > 0),
    currency  TEXT NOT NULL,
    reason    TEXT,
    metadata  TEXT NOT NULL DEFAULT '{}',
    created   INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_of_intent ON refunds (intent_id);

CREATE TABLE IF NOT EXISTS events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    type      TEXT NOT NULL,
    intent_id TEXT NOT NULL,
    body      TEXT NOT NULL,                      -- the exact text that is signed and sent
    created   INTEGER NOT NULL
) STRICT;

-- A row per copy of an event that is to reach the webhook endpoint.
CREATE TABLE IF NOT EXISTS deliveries (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL REFERENCES events (id),
    due_ms   INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state    TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'given_up')),
    answer   TEXT                                 -- of the last attempt
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_ms) WHERE state = 'due';

-- Same key, same answer: kept with the effect, in one transaction.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status      INTEGER NOT NULL,
    body        TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    created     INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created);

CREATE TRIGGER IF NOT EXISTS an_ended_intent_stays_ended
BEFORE UPDATE ON intents
WHEN OLD.status IN ('succeeded', 'canceled') AND NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'an intent that has ended stays ended'); END;

CREATE TRIGGER IF NOT EXISTS an_intent_keeps_its_amount
BEFORE UPDATE ON intents
WHEN NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency OR NEW.id <> OLD.id
BEGIN SELECT RAISE(ABORT, 'an intent keeps its amount'); END;

CREATE TRIGGER IF NOT EXISTS money_is_captured_for_a_paid_intent_alone
BEFORE INSERT ON charges
WHEN NEW.status = 'succeeded' AND NOT EXISTS (
    SELECT 1 FROM intents
    WHERE id = NEW.intent_id AND status = 'succeeded' AND amount_received = NEW.amount)
BEGIN SELECT RAISE(ABORT, 'money is captured for a paid intent alone'); END;

-- The CHECK on intents then bounds all refunds together by what was captured.
CREATE TRIGGER IF NOT EXISTS refunds_add_up
AFTER INSERT ON refunds
BEGIN
    UPDATE intents SET amount_refunded = amount_refunded + NEW.amount WHERE id = NEW.intent_id;
END;

CREATE TRIGGER IF NOT EXISTS intents_are_kept BEFORE DELETE ON intents
BEGIN SELECT RAISE(ABORT, 'the books are kept'); END;
CREATE TRIGGER IF NOT EXISTS charges_are_kept BEFORE DELETE ON charges
BEGIN SELECT RAISE(ABORT, 'the books are kept'); END;
CREATE TRIGGER IF NOT EXISTS charges_are_final BEFORE UPDATE ON charges
BEGIN SELECT RAISE(ABORT, 'the books are kept'); END;
CREATE TRIGGER IF NOT EXISTS refunds_are_kept BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'the books are kept'); END;
CREATE TRIGGER IF NOT EXISTS refunds_are_final BEFORE UPDATE ON refunds
BEGIN SELECT RAISE(ABORT, 'the books are kept'); END;
