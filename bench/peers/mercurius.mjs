// Peer: Mercurius on Fastify, with its just-in-time compiler, serving the deal list from memory.
import Fastify from "fastify";
import mercurius from "mercurius";
import { load, publish, resolvers, typeDefs } from "./schema.mjs";

const app = Fastify({ logger: false });
app.get("/healthz", async () => "ok");
app.post("/load", async (request) => {
  load(request.body);
  return "ok";
});
app.post("/publish", async (request) => {
  publish(request.body);
  return "ok";
});
// Compiled from the second time on that a document comes.
await app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
