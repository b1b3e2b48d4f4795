-- More deals like those that there are, $1 of them. They end after the first twenty, and between the rest.
-- $2: the moment after which they end.
WITH made AS (
    INSERT INTO deals (id, product_id, category, title, price_minor, list_price_minor, currency,
                       discount_percent, starts_at, ends_at, purchase_limit, epoch)
    SELECT 'deal_7' || lpad(n::text, 25, '0'), d.product_id, d.category, d.title || ' again', d.price_minor,
           d.list_price_minor, d.currency, d.discount_percent, d.starts_at,
           $2::timestamptz + make_interval(secs => n % 3600), d.purchase_limit, d.epoch
    FROM generate_series(1, $1::int) AS n
    JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS deals FROM deals) AS d
      ON d.place = 1 + n % d.deals
    RETURNING id
)
INSERT INTO deal_stock (deal_id, allotment) SELECT id, 1000 FROM made
