-- What a gate is rebuilt from: a deal's terms and counters.
-- $1 text deal id
SELECT d.epoch, d.revision, d.starts_at, d.ends_at, d.paused_at, d.purchase_limit, d.price_minor, s.allotment, s.claimed,
       s.sold, s.ledger_seq
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.id = $1
