-- One deal's counters beside what its orders and buyers add up to.
-- $1 text deal id
SELECT d.title, s.*, now() AS as_of,
       (SELECT coalesce(sum(l.quantity), 0)
          FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
         WHERE l.deal_id = d.id AND o.owns_units) AS ordered_units,
       (SELECT coalesce(sum(l.quantity), 0)
          FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
         WHERE l.deal_id = d.id AND o.owns_units AND o.rank IN (2, 4)) AS paid_units,
       (SELECT coalesce(sum(b.units), 0) FROM deal_buyers b WHERE b.deal_id = d.id) AS buyers_units,
       (SELECT coalesce(array_agg(o.id || ' is ' || o.status || ' of rank ' || o.rank ORDER BY o.id), '{}')
          FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
         WHERE l.deal_id = d.id
           AND (o.owns_units <> (o.rank IN (1, 2, 4))
                OR o.status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING') AND o.rank <> 1
                OR o.status = 'PAID' AND o.rank NOT IN (2, 4)
                OR o.status IN ('CANCELLED', 'EXPIRED', 'REFUNDED', 'ABANDONED') AND o.owns_units)) AS odd_orders,
       (SELECT coalesce(array_agg(o.id ORDER BY o.id), '{}')
          FROM orders o
         WHERE o.status <> 'ABANDONED'
           AND EXISTS (SELECT FROM order_lines l
                        WHERE l.user_id = o.user_id AND l.order_id = o.id AND l.deal_id = d.id)
           AND o.total_minor <> (SELECT sum(l.quantity::bigint * l.unit_price_minor) FROM order_lines l
                                  WHERE l.user_id = o.user_id AND l.order_id = o.id)) AS wrong_totals
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.id = $1
