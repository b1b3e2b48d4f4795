-- Everybody's orders, the newest first, for operators. Only additions.
CREATE INDEX orders_by_age ON orders (placed_at DESC, id DESC);
