// GraphiQL with a tab for each example. Its scripts come from a CDN; without them the examples are
// shown as text. A sign-in is kept by the browser as a cookie, for subscriptions as well.

const ADDRESS = "/graphql";
const MOST_DEALS = 5;

const room = document.getElementById("graphiql");
const examples = JSON.parse(document.getElementById("examples").textContent);

/** The ids of deals that are live, to be put where the examples' variables name a deal. */
async function liveDeals() {
  try {
    const response = await fetch(ADDRESS, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: `{ deals(sort: NEWEST, first: ${MOST_DEALS}) { nodes { id } } }` }),
    });
    return (await response.json()).data.deals.nodes.map((deal) => deal.id);
  } catch {
    return [];
  }
}

function filled(variables, deals) {
  const known = deals.length ? deals : ["deal_..."];
  return variables
    .replaceAll('"DEALS"', JSON.stringify(known))
    .replaceAll('"DEAL"', JSON.stringify(known[0]));
}

function show(tabs) {
  const { GraphiQL, GraphiQLPluginExplorer, React, ReactDOM } = window;
  const socket = new URL(ADDRESS, location.href);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  const fetcher = GraphiQL.createFetcher({ url: ADDRESS, subscriptionUrl: socket.href });
  ReactDOM.createRoot(room).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      defaultEditorToolsVisibility: "variables",
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      inputValueDeprecation: true,
      // Of this window only: another begins with the examples, and no token stays on the disk.
      storage: window.sessionStorage,
    }),
  );
}

function showAsText(tabs) {
  const words = document.createElement("p");
  words.textContent =
    "GraphiQL could not be loaded from unpkg.com. Any other GraphQL client can use this address" +
    " and these documents.";
  const list = document.createElement("div");
  list.className = "documents";
  list.append(words);
  for (const { query, variables } of tabs) {
    const text = document.createElement("pre");
    text.textContent = variables === "{}" ? query : `${query}\n# Variables\n${variables}`;
    list.append(text);
  }
  room.replaceChildren(list);
}

const deals = await liveDeals();
const tabs = examples.map(({ query, variables }) => ({ query, variables: filled(variables, deals) }));
if (window.React && window.ReactDOM && window.GraphiQL && window.GraphiQLPluginExplorer) {
  show(tabs);
} else {
  showAsText(tabs);
}
