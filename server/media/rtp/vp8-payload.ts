/**
 * What stands in front of each VP8 packet’s picture (RFC 7741): readable under end-to-end encryption, too,
 * which covers whole frames behind their first bytes.
 */

export interface Vp8Payload {
  isStart: boolean
  /** Of the first packet of a frame only. */
  isKeyframe: boolean
  pictureId: { at: number; bytes: 1 | 2; value: number } | null
  /** Counts the frames that everything else builds on. */
  tl0: { at: number; value: number } | null
  /** Frames of a higher one can be left out; 0 where there is only one. */
  temporal: number
  /** A frame from which the higher temporal layers can begin. */
  isSync: boolean
}

/** Undefined: too short to be one. */
export function parseVp8(payload: Buffer): Vp8Payload | undefined {
  const first = payload[0]
  if (first === undefined) return undefined
  let at = 1
  let pictureId: Vp8Payload['pictureId'] = null
  let tl0: Vp8Payload['tl0'] = null
  let temporal = 0
  let isSync = false
  if (first & 0x80) {
    const has = payload[at] ?? 0
    at += 1
    if (has & 0x80) {
      const high = payload[at] ?? 0
      const value = high & 0x80 ? ((high & 0x7f) << 8) | (payload[at + 1] ?? 0) : high
      pictureId = { at, bytes: high & 0x80 ? 2 : 1, value }
      at += pictureId.bytes
    }
    if (has & 0x40) {
      tl0 = { at, value: payload[at] ?? 0 }
      at += 1
    }
    if (has & 0x30) {
      const byte = payload[at] ?? 0
      if (has & 0x20) {
        temporal = byte >> 6
        isSync = (byte & 0x20) !== 0
      }
      at += 1
    }
  }
  const isStart = (first & 0x17) === 0x10
  const header = payload[at]
  if (header === undefined) return undefined
  return { isStart, isKeyframe: isStart && (header & 1) === 0, pictureId, tl0, temporal, isSync }
}

/** A copy with other numbers: the packet itself goes to others as well. */
export function renumberVp8(
  payload: Buffer,
  { pictureId, tl0 }: Vp8Payload,
  shift: { pictureId: number; tl0: number },
): Buffer {
  if (shift.pictureId === 0 && shift.tl0 === 0) return payload
  const copy = Buffer.from(payload)
  if (pictureId?.bytes === 2)
    copy.writeUInt16BE(0x8000 | ((pictureId.value + shift.pictureId) & 0x7fff), pictureId.at)
  if (pictureId?.bytes === 1)
    copy.writeUInt8((pictureId.value + shift.pictureId) & 0x7f, pictureId.at)
  if (tl0) copy.writeUInt8((tl0.value + shift.tl0) & 0xff, tl0.at)
  return copy
}
