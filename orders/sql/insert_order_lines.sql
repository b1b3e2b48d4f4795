-- Insert the lines of a batch of orders.
-- $1.. parallel arrays, an element per line
INSERT INTO order_lines (user_id, order_id, deal_id, position, title, quantity, unit_price_minor)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::integer[], $7::integer[])
