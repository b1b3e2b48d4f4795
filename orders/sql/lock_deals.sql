-- Lock deals and their stock, always in the order of their ids, so that no two transactions wait for each other.
-- $1 text[] deal ids
SELECT d.id, d.title, d.price_minor, d.currency, d.starts_at, d.ends_at, d.paused_at, d.purchase_limit,
       d.epoch, d.revision, s.allotment, s.safety_stock, s.claimed, s.sold, s.ledger_seq, s.ledger_head
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.id = ANY ($1::text[])
 ORDER BY d.id
   FOR UPDATE OF d, s
