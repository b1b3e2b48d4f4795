// How the clients' programs tell what they saw.
import { writeSync } from 'node:fs'

export function tell(saw, more) {
  writeSync(1, JSON.stringify({ saw, ...more }) + '\n')
}

// What a client hands to a sink's error(): GraphQL errors, a close event, or an error of its own.
export function nameOf(error) {
  if (Array.isArray(error)) return { errors: error }
  if (error.code !== undefined) return { code: error.code, reason: error.reason }
  return { message: error.message, status: error.response?.status }
}
