-- What can be proved about one deal: its units, counted from the lines of its orders, and its ledger's end.
-- $1 text deal id
SELECT d.id AS deal_id, s.allotment, s.safety_stock, d.release_when_sold_out, d.release_at, now() AS as_of,
       lines.claimed, lines.paid, lines.refunded,
       coalesce(newest.seq, 0) AS ledger_entries, coalesce(newest.hash, '\x') AS ledger_head,
       (SELECT count(*) FROM drift WHERE drift.deal_id = d.id AND drift.repaired_at IS NULL) AS drift
  FROM deals d
  JOIN deal_stock s ON s.deal_id = d.id
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(l.quantity) FILTER (WHERE o.owns_units), 0) AS claimed,
              coalesce(sum(l.quantity) FILTER (WHERE o.owns_units AND o.rank IN (2, 4)), 0) AS paid,
              coalesce(sum(l.quantity) FILTER (WHERE o.status = 'REFUNDED' AND o.paid_by IS NOT NULL), 0)
                  AS refunded
         FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
        WHERE l.deal_id = d.id) lines
  LEFT JOIN LATERAL (
       SELECT seq, hash FROM stock_ledger WHERE deal_id = d.id ORDER BY seq DESC LIMIT 1) newest ON true
 WHERE d.id = $1
