// Peer: graphql-ws on ws with graphql-js, one process, stockChanged over one topic.
//
// POST /publish tells an event, POST /collect collects garbage, GET /healthz says it serves.
import { createServer } from "node:http";
import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = buildSchema(`
  type Query { healthy: Boolean! }
  enum StockLevel { AVAILABLE LOW SOLD_OUT }
  type Stock {
    id: ID! dealId: ID! allotment: Int! available: Int! held: Int! sold: Int!
    level: StockLevel! epoch: Int! version: Int! asOf: String!
  }
  type Subscription { stockChanged(dealIds: [ID!]!): Stock! }
`);

const latest = new Map();
const readers = new Map();

// The leanest source there is: a queue and one waiting promise for each subscriber.
class Source {
  constructor(topics) {
    this.topics = topics;
    this.queue = topics.filter((topic) => latest.has(topic)).map((topic) => latest.get(topic));
    this.waiting = null;
    for (const topic of topics) {
      if (!readers.has(topic)) readers.set(topic, new Set());
      readers.get(topic).add(this);
    }
  }
  push(value) {
    if (this.waiting === null) {
      this.queue.push(value);
    } else {
      const resolve = this.waiting;
      this.waiting = null;
      resolve({ value, done: false });
    }
  }
  next() {
    if (this.queue.length > 0) return Promise.resolve({ value: this.queue.shift(), done: false });
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }
  return() {
    for (const topic of this.topics) readers.get(topic)?.delete(this);
    this.waiting?.({ value: undefined, done: true });
    this.waiting = null;
    return Promise.resolve({ value: undefined, done: true });
  }
  [Symbol.asyncIterator]() {
    return this;
  }
}

schema.getSubscriptionType().getFields().stockChanged.subscribe = (_, { dealIds }) =>
  new Source(dealIds);

function publish(stock) {
  const value = { stockChanged: stock };
  latest.set(stock.dealId, value);
  for (const reader of readers.get(stock.dealId) ?? []) reader.push(value);
}

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    if (request.url === "/publish") publish(JSON.parse(body));
    if (request.url === "/collect") globalThis.gc();
    response.end("ok");
  });
});
useServer({ schema }, new WebSocketServer({ server, path: "/graphql" }));
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
