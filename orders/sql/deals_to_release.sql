-- Live deals with units withheld and a rule about them, in pages by id; due: their time has come.
-- $1 text deal id of the page before, $2 timestamptz now, $3 integer deals in a page
SELECT d.id, d.epoch, coalesce(d.release_at <= $2, false) AS due
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.id > $1 AND s.safety_stock > 0
   AND (d.release_when_sold_out OR d.release_at <= $2)
   AND d.starts_at <= $2 AND d.ends_at > $2 AND d.paused_at IS NULL
 ORDER BY d.id
 LIMIT $3
