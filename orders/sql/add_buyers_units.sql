-- Add units to what buyers have of deals; the caller has locked the deals and checked the limits.
-- $1 text[] users, $2 text[] deals, $3 integer[] units; a pair occurs once
INSERT INTO deal_buyers (user_id, deal_id, units)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])
    ON CONFLICT (user_id, deal_id) DO UPDATE SET units = deal_buyers.units + excluded.units
