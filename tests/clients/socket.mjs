// The npm client graphql-ws, worked from outside: orders are JSON lines on stdin, what it saw is
// JSON lines on stdout. Its options are the first argument.
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { nameOf, tell } from './telling.mjs'

const options = JSON.parse(process.argv[2])

class Socket extends WebSocket {
  constructor(url, protocol) {
    super(url, options.protocols ?? protocol, { headers: options.headers })
  }
}

let link
const client = createClient({
  url: options.url,
  webSocketImpl: Socket,
  lazy: false,
  onNonLazyError: () => {}, // told by `closed` or `error`
  keepAlive: options.keepAliveMs ?? 0,
  retryAttempts: options.retryAttempts ?? 0,
  // In node a refused connection is an error without a close code; a server that restarts refuses.
  shouldRetry: () => true,
  connectionParams: options.silent ? () => new Promise(() => {}) : options.params,
  generateID: options.id ? () => options.id : undefined,
  on: {
    opened: (socket) => {
      link = socket
      tell('opened', { protocol: socket.protocol })
      if (options.firstWords) socket.send(JSON.stringify(options.firstWords))
    },
    connected: (_socket, payload, wasRetry) => tell('connected', { again: wasRetry }),
    closed: (event) => tell('closed', { code: event.code, reason: event.reason }),
    error: (error) => tell('error', { message: error.message }),
    ping: (received) => tell('ping', { received }),
    pong: (received) => tell('pong', { received }),
  },
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
      ),
    )
  },
  unsubscribe: ({ of }) => ends.get(of)(),
  say: ({ text }) => link.send(text),
  cut: () => client.terminate(),
  leave: () => client.dispose(),
}
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line)
    orders[order.do](order)
  })
  .on('close', () => process.exit())
