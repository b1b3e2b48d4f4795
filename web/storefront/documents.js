// What the storefront asks the API, and what it follows.

const MONEY = "{ amountMinor currency }";
const STOCK = "{ dealId allotment available held sold level epoch version }";
const REFUSAL = `... on UserError { code message retryable retryAfterMs }`;
const REFUSALS_OF_A_DEAL = `
  ... on SoldOut { dealId available }
  ... on PurchaseLimitReached { dealId limit alreadyYours }
  ... on DealNotLive { dealId phase startsAt endsAt }
  ${REFUSAL}`;
const DEAL = `
  id title price ${MONEY} listPrice ${MONEY} discountPercent phase startsAt endsAt purchaseLimit
  product { name category imageUrl }`;
const ITEM = `
  quantity unitPrice ${MONEY} lineTotal ${MONEY} hold { state expiresAt }
  deal { id title purchaseLimit product { name imageUrl } }`;
const CART = `{ items { ${ITEM} } total ${MONEY} }`;
const ORDER = `
  id number status placedAt paymentDueAt total ${MONEY}
  lines { title quantity lineTotal ${MONEY} deal { id product { imageUrl } } }
  payment { status intentId clientSecret publishableKey failureMessage }`;
const USER = "{ id name email }";

export const START = `{ serverTime me ${USER} }`;
export const SERVER_TIME = "{ serverTime }";

export const DEALS = `query Deals($phase: DealPhase, $category: String, $sort: DealSort!, $after: String) {
  deals(phase: $phase, category: $category, sort: $sort, first: 40, after: $after) {
    nodes { ${DEAL} stock ${STOCK} }
    pageInfo { hasNextPage endCursor }
  }
}`;
export const CATEGORIES = "{ deals(phase: null, first: 100) { nodes { product { category } } } }";
export const DEAL_PAGE = `query Deal($id: ID!) {
  deal(id: $id) { ${DEAL} stock ${STOCK} details: product { description attributes { name value } } }
}`;

export const STOCK_CHANGED = `subscription Stock($dealIds: [ID!]!) { stockChanged(dealIds: $dealIds) ${STOCK} }`;
export const DEAL_CHANGED = `subscription { dealChanged { ${DEAL} } }`;
export const COUNTDOWN = `subscription Countdown($dealId: ID!) {
  countdown(dealId: $dealId) { dealId phase serverTime startsAt endsAt }
}`;
export const CART_CHANGED = `subscription { cartChanged ${CART} }`;
export const ORDER_CHANGED = `subscription Order($orderId: ID!) { orderChanged(orderId: $orderId) { ${ORDER} } }`;

export const REGISTER = `mutation Register($input: RegisterInput!) {
  answer: register(input: $input) { __typename ... on Session { user ${USER} } ... on InvalidInput { field } ${REFUSAL} }
}`;
export const LOGIN = `mutation Login($input: LoginInput!) {
  answer: login(input: $input) { __typename ... on Session { user ${USER} } ${REFUSAL} }
}`;
export const LOGOUT = "mutation { logout }";

export const ADD_TO_CART = `mutation Add($input: AddToCartInput!) {
  answer: addToCart(input: $input) { __typename ... on CartUpdated { cart ${CART} } ${REFUSALS_OF_A_DEAL} }
}`;
export const SET_QUANTITY = `mutation Set($input: UpdateCartItemInput!) {
  answer: updateCartItem(input: $input) { __typename ... on CartUpdated { cart ${CART} } ${REFUSALS_OF_A_DEAL} }
}`;
export const REMOVE = `mutation Remove($input: RemoveFromCartInput!) {
  answer: removeFromCart(input: $input) { __typename ... on CartUpdated { cart ${CART} } ${REFUSAL} }
}`;

export const CHECKOUT = `mutation {
  answer: checkout {
    __typename
    ... on Checkout { id expiresAt total ${MONEY} items { ${ITEM} } }
    ... on HoldLapsed { dealId }
    ... on DealNotLive { dealId phase startsAt endsAt }
    ${REFUSAL}
  }
}`;
export const PLACE_ORDER = `mutation Place($input: PlaceOrderInput!) {
  answer: placeOrder(input: $input) {
    __typename
    ... on OrderPlaced { order { id number } }
    ... on PriceChanged { total ${MONEY} }
    ... on HoldLapsed { dealId }
    ${REFUSALS_OF_A_DEAL}
  }
}`;
export const CANCEL_ORDER = `mutation Cancel($orderId: ID!) {
  answer: cancelOrder(orderId: $orderId) {
    __typename
    ... on Order { ${ORDER} }
    ... on OrderNotCancellable { status }
    ${REFUSAL}
  }
}`;
export const ORDERS = `query Orders($after: String) {
  orders(first: 20, after: $after) {
    nodes { id number status placedAt total ${MONEY} lines { title quantity } }
    pageInfo { hasNextPage endCursor }
  }
}`;
