// What the control room asks of the server; any partner may send the same.

const DEAL = "id title phase startsAt endsAt purchaseLimit price { amountMinor currency }";

const ROOM = `asOf sockets processes
  orders { status count }
  drift { class found open }
  deals { dealId safetyStock refused refusals { code count } }`;

const ORDER = `id number status placedAt total { amountMinor currency }
  lines { title quantity deal { id } }`;

const REFUSAL = "... on UserError { __typename code message retryable retryAfterMs }";

const SAVED = `... on DealSaved { deal { ${DEAL} } } ${REFUSAL}`;

export const ME = "query Me { me { name email } }";

export const LOGIN = `mutation SignIn($input: LoginInput!) {
  login(input: $input) { __typename ... on Session { user { name email } } ${REFUSAL} } }`;

export const LOGOUT = "mutation SignOut { logout }";

export const ROOM_NOW = `query ControlRoom { serverTime controlRoom { ${ROOM} } }`;

export const ROOM_CHANGED = `subscription ControlRoomChanged { controlRoomChanged { ${ROOM} } }`;

/** All that sells or will, and the newest of what is over. */
export const DEALS = `query Deals {
  serverTime
  live: deals(phase: LIVE, first: 50) { nodes { ${DEAL} } }
  paused: deals(phase: PAUSED, first: 20) { nodes { ${DEAL} } }
  scheduled: deals(phase: SCHEDULED, first: 20) { nodes { ${DEAL} } }
  ended: deals(phase: ENDED, sort: NEWEST, first: 20) { nodes { ${DEAL} } }
}`;

export const DEAL_CHANGED = `subscription DealChanged { dealChanged { ${DEAL} } }`;

export const STOCK_CHANGED = `subscription StockChanged($dealIds: [ID!]!) {
  stockChanged(dealIds: $dealIds) {
    dealId allotment available held sold level epoch version asOf } }`;

export const PAUSE = `mutation Pause($dealId: ID!) { done: pauseDeal(dealId: $dealId) { ${SAVED} } }`;

export const RESUME = `mutation Resume($dealId: ID!) {
  done: resumeDeal(dealId: $dealId) { ${SAVED} } }`;

export const END = `mutation End($dealId: ID!) { done: endDeal(dealId: $dealId) { ${SAVED} } }`;

export const ADJUST = `mutation AdjustStock($input: AdjustStockInput!) {
  done: adjustStock(input: $input) { ${SAVED} } }`;

export const RELEASE = `mutation ReleaseSafetyStock($dealId: ID!, $units: Int!) {
  done: releaseSafetyStock(dealId: $dealId, units: $units) { ${SAVED} } }`;

export const ORDERS = `query AllOrders($status: OrderStatus, $first: Int, $after: String) {
  allOrders(status: $status, first: $first, after: $after) {
    nodes { ${ORDER} } pageInfo { hasNextPage endCursor } } }`;

export const REFUND = `mutation Refund($input: RefundOrderInput!) {
  done: refundOrder(input: $input) { __typename ... on Order { ${ORDER} } ${REFUSAL} } }`;

export const REPORT = `query SaleReport($dealId: ID!) {
  saleReport(dealId: $dealId) {
    allotment safetyStock safetyStockRelease { whenSoldOut at }
    claimed paid refunded unsold oversold ledgerEntries ledgerHead drift asOf } }`;
