// The npm client graphql-sse, worked from outside as socket.mjs is.
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-sse'
import { nameOf, tell } from './telling.mjs'

const options = JSON.parse(process.argv[2])
const client = createClient({
  url: options.url,
  singleConnection: options.singleConnection ?? false,
  headers: options.headers,
  retryAttempts: options.retryAttempts ?? 0,
})

const ends = new Map()
const orders = {
  subscribe({ of, query, variables }) {
    ends.set(
      of,
      client.subscribe(
        { query, variables },
        {
          next: (payload) => tell('next', { of, payload }),
          error: (error) => tell('refused', { of, ...nameOf(error) }),
          complete: () => tell('complete', { of }),
        },
        { connected: (again) => tell('connected', { of, again }) },
      ),
    )
  },
  unsubscribe: ({ of }) => ends.get(of)(),
  leave: () => client.dispose(),
}
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line)
    orders[order.do](order)
  })
  .on('close', () => process.exit())
