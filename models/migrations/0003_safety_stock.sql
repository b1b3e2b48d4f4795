-- When a deal's safety stock goes on sale by itself. Only additions.

ALTER TABLE deals
    ADD COLUMN release_when_sold_out boolean NOT NULL DEFAULT false,  -- release all that is withheld when sold out
    ADD COLUMN release_at            timestamptz;     -- or when this time has come; NULL: by no time

-- What the sweep looks through every second: few deals have a rule.
CREATE INDEX deals_with_release ON deals (id) WHERE release_when_sold_out OR release_at IS NOT NULL;
