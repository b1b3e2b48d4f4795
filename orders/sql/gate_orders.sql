-- What a gate is rebuilt from: every order that ever touched a deal, with its rank.
-- $1 text deal id, $2 bigint most of them; NULL: all
SELECT o.id AS order_id, o.user_id, o.rank, o.owns_units, l.quantity
  FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id
 WHERE l.deal_id = $1
 LIMIT $2
