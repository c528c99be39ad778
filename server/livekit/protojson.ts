/** Reads protojson by hand: one pass, no schema library, because every webhook comes through here. */

export type Json = Record<string, unknown>

/** Far more than LiveKit's messages need. */
const maxNesting = 32
/** Names that mean something to JavaScript; LiveKit has no such field. */
const forbiddenNames = ['__proto__', 'constructor', 'prototype']
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined for what is no UTF-8, no JSON, no object, or nested too deeply. */
export function parseProtojson(rawBody: Buffer): Json | undefined {
  if (isTooDeep(rawBody)) return undefined
  try {
    const value: unknown = JSON.parse(utf8.decode(rawBody))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export type FieldType = keyof typeof hasType

/** Whether the named fields, where they are there, have these types. */
export function fits(json: Json, shape: Readonly<Record<string, FieldType>>): boolean {
  if (forbiddenNames.some((name) => Object.hasOwn(json, name))) return false
  for (const name in shape) {
    const value = json[name]
    const type = shape[name]
    if (value !== undefined && value !== null && type && !hasType[type](value)) return false
  }
  return true
}

const hasType = {
  text: (value: unknown) => typeof value === 'string',
  boolean: (value: unknown) => typeof value === 'boolean',
  object: isObject,
  enum: (value: unknown) => typeof value === 'string' || Number.isInteger(value),
  integer: (value: unknown) =>
    typeof value === 'string' ? /^-?\d{1,19}$/.test(value) : Number.isInteger(value),
} as const

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const quote = 0x22
const backslash = 0x5c

/** Counts brackets outside strings: what a person names their track must not decide. */
function isTooDeep(rawBody: Buffer): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < rawBody.length; at += 1) {
    const byte = rawBody[at]
    if (inString) {
      if (byte === backslash) at += 1
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      if (depth > maxNesting) return true
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1
  }
  return false
}
