// Apollo Client or urql asking by a document's hash, worked from outside as socket.mjs is. What goes
// over the wire is told as well: `sent` with what named the document.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { tell } from './telling.mjs'

const options = JSON.parse(process.argv[2])

async function tellingFetch(address, request = {}) {
  const url = new URL(address)
  const method = request.method ?? 'GET'
  const asked = method === 'GET' ? Object.fromEntries(url.searchParams) : JSON.parse(request.body)
  const extensions =
    typeof asked.extensions === 'string' ? JSON.parse(asked.extensions) : asked.extensions
  const response = await fetch(address, request)
  tell('sent', {
    method,
    text: Boolean(asked.query),
    sha256: extensions?.persistedQuery?.sha256Hash ?? null,
    status: response.status,
  })
  return response
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex')

function apollo() {
  const link = createPersistedQueryLink({ sha256, useGETForHashedQueries: options.get ?? false })
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: link.concat(
      new HttpLink({
        uri: options.url,
        fetch: tellingFetch,
        headers: options.name ? { 'apollographql-client-name': options.name } : {},
      }),
    ),
  })
  return ({ query, variables }) => {
    const document = gql(query)
    return /^\s*mutation/.test(query)
      ? client.mutate({ mutation: document, variables, errorPolicy: 'all' })
      : client.query({ query: document, variables, errorPolicy: 'all', fetchPolicy: 'no-cache' })
  }
}

function urql() {
  const client = new Client({
    url: options.url,
    fetch: tellingFetch,
    fetchOptions: { headers: options.name ? { 'x-client-name': options.name } : {} },
    preferGetMethod: options.get ?? false,
    exchanges: [
      persistedExchange({
        preferGetForPersistedQueries: options.get ?? false,
        enforcePersistedQueries: options.enforce ?? false,
        enableForMutation: options.mutations ?? false,
        generateHash: async (text) => sha256(text),
      }),
      fetchExchange,
    ],
  })
  return ({ query, variables }) =>
    (/^\s*mutation/.test(query)
      ? client.mutation(query, variables)
      : client.query(query, variables, { requestPolicy: 'network-only' })
    ).toPromise()
}

const ask = { apollo, urql }[options.client]()
createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const order = JSON.parse(line)
    try {
      const { data, error } = await ask(order)
      tell('answer', { data: data ?? null, error: error?.message ?? null })
    } catch (error) {
      tell('answer', { data: null, error: error.message })
    }
  })
  .on('close', () => process.exit())
