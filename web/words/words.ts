/** Gives the words for keys: `t('room.members', { count: 3 })`. Plurals, lists and dates by the platform. */
import { en } from './en.ts'
import { isolate } from './isolate.ts'

export type Words = typeof en
export type WordKey = keyof Words
/** Keys whose words are one text or a plural. */
type TextKey = {
  [K in WordKey]: Words[K] extends string ? K : Words[K] extends { other: string } ? K : never
}[WordKey]

const words: Words = en
const locale = 'en'
const plurals = new Intl.PluralRules(locale)

type Params = Readonly<Record<string, string | number>>

/** `{name}` in the words is taken from the parameters, in a direction of its own; `count` chooses the plural. */
export function t(key: TextKey, params: Params = {}): string {
  const entry: string | Readonly<Record<string, string>> = words[key]
  const text =
    typeof entry === 'string'
      ? entry
      : (entry[plurals.select(Number(params['count']))] ?? entry['other'] ?? '')
  return text.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = params[name]
    return typeof value === 'number' ? value.toLocaleString(locale) : isolate(value ?? '')
  })
}

/** The words for an error's code; unknown codes are as bad as `unavailable`. `details`: the server's. */
export function errorWords(code: string, details: Readonly<Record<string, unknown>> = {}): string {
  const waitMs = details['retryAfterMs']
  if (code === 'slow-down' && typeof waitMs === 'number') return waitWords(waitMs)
  const key = `error.${code}`
  return isTextKey(key) ? t(key) : t('error.unavailable')
}

const longestInSeconds = 120

function waitWords(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000))
  if (seconds <= longestInSeconds) return t('wait.seconds', { count: seconds })
  return t('wait.minutes', { count: Math.ceil(seconds / 60) })
}

function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(words, key)
}

/** Why a call ended, where that has to be said; else empty. */
export function endWords(reason: keyof Words['history.ended-by']): string {
  return words['history.ended-by'][reason]
}

export function listOf(names: string[]): string {
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(names)
}

const maxNamed = 3

/** “Ada, Bo and Chen”, “Ada, Bo, Chen and 2 others” */
export function peopleWords(names: string[]): string {
  const more = names.length - maxNamed
  if (more <= 0) return listOf(names)
  const first = names.slice(0, maxNamed).join(', ')
  return t('history.and-others', { names: first, count: more })
}

const timeFormat = new Intl.DateTimeFormat(locale, {
  hour: '2-digit',
  minute: '2-digit',
  hour12: false,
})
const dayFormat = new Intl.DateTimeFormat(locale, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
})

export function timeOfDay(at: number): string {
  return timeFormat.format(at)
}

const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' })

export function fullTime(at: number): string {
  return fullFormat.format(at)
}

export function dayOf(at: number, now: number): string {
  const days = daysBetween(at, now)
  return days === 0
    ? t('history.today')
    : days === 1
      ? t('history.yesterday')
      : dayFormat.format(at)
}

function daysBetween(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0)
  return Math.round((midnight(now) - midnight(at)) / 86_400_000)
}

const fewSecondsMs = 20_000

/** How long something has been going on: roughly at first, for it is looked at now and then. */
export function lastedWords(ms: number, display: 'long' | 'short' = 'long'): string {
  return ms < fewSecondsMs ? t('call.few-seconds') : durationOf(ms, display)
}

/** `24 minutes`, `1 hour 5 minutes`, `40 seconds`; short: `24 min`. */
export function durationOf(ms: number, display: 'long' | 'short' = 'long'): string {
  const unit = (value: number, name: 'hour' | 'minute' | 'second') =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: display }).format(value)
  const minutes = Math.floor(ms / 60_000)
  if (minutes === 0) return unit(Math.max(1, Math.floor(ms / 1000)), 'second')
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return unit(minutes, 'minute')
  const rest = minutes % 60
  return rest === 0 ? unit(hours, 'hour') : `${unit(hours, 'hour')} ${unit(rest, 'minute')}`
}
