-- One deal's counters beside what its orders and buyers add up to.
-- $1 text deal id
SELECT d.title, s.*, now() AS as_of,
       (SELECT coalesce(sum(l.quantity), 0)
          FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
         WHERE l.deal_id = d.id AND o.owns_units) AS ordered_units,
       (SELECT coalesce(sum(l.quantity), 0)
          FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
         WHERE l.deal_id = d.id AND o.owns_units AND o.rank IN (2, 4)) AS paid_units,
       (SELECT coalesce(sum(b.units), 0) FROM deal_buyers b WHERE b.deal_id = d.id) AS buyers_units
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.id = $1
