/** Reads the session descriptions of clients: only what the media server looks at, and no more than it allows. */
import type { HeaderExtension } from '../rtp/header-extensions.ts'
import type { SenderSsrcs } from '../rtp/rtp-upstream.ts'

export type SdpKind = 'audio' | 'video' | 'application'
export type SdpDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'

export interface SdpCodec {
  payloadType: number
  /** Lower case: `opus`, `vp8`, `rtx`. */
  name: string
  clockRate: number
  /** Behind the clock rate: `2` for Opus. */
  channels: string
  fmtp: string
}

export interface SdpSection {
  kind: SdpKind
  mid: string
  /** As in the m-line: `UDP/TLS/RTP/SAVPF`. */
  protocol: string
  isRejected: boolean
  direction: SdpDirection
  codecs: SdpCodec[]
  extensions: HeaderExtension[]
  ufrag: string
  fingerprint: { algorithm: string; value: string } | null
  /** The second word of `a=msid`: many clients put the track's cid there, Firefox anything. */
  trackCid: string
  /** Null: it names none. */
  ssrcs: SenderSsrcs | null
  /** Layers that it would send, as it lists them. */
  sendRids: string[]
  sctpPort: number | null
}

export interface Sdp {
  sections: SdpSection[]
}

/** A session description that nothing can be done with. */
export class BadSdp extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BadSdp'
  }
}

const maxSdpBytes = 400_000
const maxSections = 100
const maxLineLength = 4_000

/** Throws `BadSdp`. */
export function parseSdp(text: string): Sdp {
  if (text.length > maxSdpBytes) throw new BadSdp('too long')
  const blocks: string[][] = [[]]
  for (const line of text.split(/\r?\n/)) {
    if (line.length > maxLineLength) continue
    if (line.startsWith('m=')) blocks.push([])
    if (blocks.length > maxSections + 1) throw new BadSdp('too many sections')
    blocks.at(-1)?.push(line)
  }
  const [session = [], ...media] = blocks
  const sections = media.map((lines) => parseSection(lines, session))
  if (sections.length === 0) throw new BadSdp('no section')
  if (new Set(sections.map((section) => section.mid)).size !== sections.length) {
    throw new BadSdp('the same mid twice')
  }
  return { sections }
}

function parseSection(lines: string[], session: string[]): SdpSection {
  const [media = '', port = '', protocol = '', ...formats] = (lines[0] ?? '').slice(2).split(' ')
  if (media !== 'audio' && media !== 'video' && media !== 'application') {
    throw new BadSdp(`unknown kind of section`)
  }
  const all = (name: string) => attributes(lines, name)
  const one = (name: string) => all(name)[0] ?? attributes(session, name)[0]
  const mid = one('mid') ?? ''
  if (!/^[\w!#$%&'*+\-.^`{|}~]{1,32}$/.test(mid)) throw new BadSdp('no mid')
  const [algorithm, value] = (one('fingerprint') ?? '').split(' ')
  return {
    kind: media,
    mid,
    protocol,
    isRejected: port === '0' && !lines.includes('a=bundle-only'),
    direction: toDirection(lines) ?? toDirection(session) ?? 'sendrecv',
    codecs: formats.slice(0, 100).flatMap((format) => toCodec(format, all)),
    extensions: all('extmap').flatMap(toExtension),
    ufrag: one('ice-ufrag') ?? '',
    fingerprint: algorithm && value ? { algorithm, value } : null,
    trackCid: toTrackCid(one('msid'), all('ssrc')),
    ssrcs: toSsrcs(all('ssrc'), all('ssrc-group')),
    sendRids: all('rid').flatMap((rid) => /^([\w-]{1,32}) send\b/.exec(rid)?.[1] ?? []),
    sctpPort: media === 'application' ? Number(one('sctp-port') ?? 5_000) || null : null,
  }
}

/** Values of `a=<name>:<value>`. */
function attributes(lines: string[], name: string): string[] {
  const start = `a=${name}:`
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length))
}

function toDirection(lines: string[]): SdpDirection | undefined {
  const directions = ['sendonly', 'recvonly', 'inactive', 'sendrecv'] as const
  return directions.find((direction) => lines.includes(`a=${direction}`))
}

/** Older senders name the track at their streams only. */
function toTrackCid(msid: string | undefined, ssrcs: string[]): string {
  const ofStream = ssrcs.flatMap((line) => /^\d+ msid:(.*)/.exec(line)?.[1] ?? [])[0]
  return (msid ?? ofStream ?? '').split(' ')[1] ?? ''
}

function toCodec(format: string, all: (name: string) => string[]): SdpCodec[] {
  const payloadType = Number(format)
  const of = (name: string) =>
    all(name)
      .find((value) => value.startsWith(`${format} `))
      ?.slice(format.length + 1)
  const [name, clockRate, channels = ''] = (of('rtpmap') ?? '').split('/')
  if (!name || !clockRate || !(payloadType >= 0 && payloadType < 128)) return []
  return [
    {
      payloadType,
      name: name.toLowerCase(),
      clockRate: Number(clockRate),
      channels,
      fmtp: of('fmtp') ?? '',
    },
  ]
}

function toExtension(value: string): HeaderExtension[] {
  const match = /^(\d{1,2})(?:\/\w+)? (\S+)/.exec(value)
  const id = Number(match?.[1])
  return match?.[2] !== undefined && id >= 1 && id <= 14 ? [{ id, uri: match[2] }] : []
}

function toSsrcs(lines: string[], groups: string[]): SenderSsrcs | null {
  const all = [...new Set(lines.flatMap((line) => toSsrc(line) ?? []))]
  const grouped = (semantics: string) =>
    groups
      .filter((group) => group.startsWith(`${semantics} `))
      .map((group) => group.split(' ').slice(1).map(Number))
  const layers = grouped('SIM').flat()
  const main = layers.findLast((ssrc) => all.includes(ssrc)) ?? all[0]
  if (main === undefined) return null
  const rtx = grouped('FID').find(([first]) => first === main)?.[1] ?? null
  return { main, rtx, others: all.filter((ssrc) => ssrc !== main && ssrc !== rtx) }
}

function toSsrc(line: string | undefined): number | null {
  const ssrc = Number(line?.split(' ')[0])
  return Number.isInteger(ssrc) && ssrc > 0 && ssrc <= 0xffffffff ? ssrc : null
}
