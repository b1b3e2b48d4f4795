-- What an operator said when an order was refunded. Only additions.

ALTER TABLE orders
    ADD COLUMN refund_restock boolean,                -- whether its units go back on sale; NULL: no operator refunded it
    ADD COLUMN refund_reason  text,                   -- for the ledger
    ADD COLUMN refund_actor   text COLLATE "C";       -- the operator's user id

-- An operator names an order without its buyer. Ids are unique over all partitions: they follow from checkouts.
CREATE INDEX orders_by_id ON orders (id);
