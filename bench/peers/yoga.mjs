// Peer: GraphQL Yoga with its response cache, serving the deal list from memory.
//
// An entry is dropped when the stock of one of its deals changes, as ours is.
import { createServer } from "node:http";
import { createInMemoryCache, useResponseCache } from "@graphql-yoga/plugin-response-cache";
import { createSchema, createYoga } from "graphql-yoga";
import { load, publish, resolvers, typeDefs } from "./schema.mjs";

const cache = createInMemoryCache();
const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  graphiql: false,
  landingPage: false,
  logging: false,
  maskedErrors: false,
  plugins: [useResponseCache({ session: () => null, cache })],
});

async function take(url, body) {
  if (url === "/load") load(JSON.parse(body));
  if (url === "/publish") {
    const told = JSON.parse(body);
    if (publish(told)) await cache.invalidate([{ typename: "Deal", id: told.dealId }]);
  }
}

const server = createServer((request, response) => {
  if (request.url === "/graphql") return yoga(request, response);
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => take(request.url, body).then(() => response.end("ok")));
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
