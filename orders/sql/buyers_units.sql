-- What buyers have of deals; a pair that has nothing is left out. OFFSET 0 has each looked up by its key.
-- $1 text[] users, $2 text[] deals
SELECT p.user_id, p.deal_id, b.units
  FROM unnest($1::text[], $2::text[]) AS p (user_id, deal_id)
 CROSS JOIN LATERAL (
       SELECT units FROM deal_buyers WHERE user_id = p.user_id AND deal_id = p.deal_id OFFSET 0) b
