-- The deals of one category in every sort, and those that are paused: few of many. Only additions.
CREATE INDEX deals_of_category_by_end ON deals (category, ends_at, id);
CREATE INDEX deals_of_category_by_creation ON deals (category, created_at DESC, id DESC);
CREATE INDEX deals_of_category_by_discount ON deals (category, discount_percent DESC, id DESC);
CREATE INDEX deals_of_category_by_price ON deals (category, price_minor, id);
CREATE INDEX deals_paused ON deals (ends_at, id) WHERE paused_at IS NOT NULL;
