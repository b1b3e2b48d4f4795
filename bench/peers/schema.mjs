// What the peers of the deal list serve, from memory: the fields of ours that a storefront asks for.
//
// POST /load takes the list as ours answered it; POST /publish changes the stock of one deal.
export const typeDefs = `
  enum DealPhase { SCHEDULED LIVE PAUSED ENDED }
  enum DealSort { ENDING_SOON NEWEST BIGGEST_DISCOUNT PRICE_ASC }
  enum StockLevel { AVAILABLE LOW SOLD_OUT }
  type Money { amountMinor: Int! currency: String! }
  type Product { name: String! category: String! imageUrl: String }
  type Stock {
    dealId: ID! allotment: Int! available: Int! held: Int! sold: Int!
    level: StockLevel! epoch: Int! version: Int!
  }
  type Deal {
    id: ID! title: String! price: Money! listPrice: Money! discountPercent: Int! phase: DealPhase!
    startsAt: String! endsAt: String! purchaseLimit: Int! product: Product stock: Stock!
  }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type DealConnection { nodes: [Deal!]! pageInfo: PageInfo! }
  type Query {
    deals(phase: DealPhase = LIVE, sort: DealSort = ENDING_SOON, first: Int = 20): DealConnection!
  }
`;

let list = { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
const stocks = new Map();

export const resolvers = { Query: { deals: () => list } };

export function load(told) {
  list = told;
  stocks.clear();
  for (const deal of list.nodes) stocks.set(deal.id, deal.stock);
}

// False: that deal is not in the list.
export function publish({ dealId, available, held, sold, level, version }) {
  const stock = stocks.get(dealId);
  if (stock === undefined) return false;
  Object.assign(stock, { available, held, sold, level, version });
  return true;
}
