/**
 * Which frames of a track’s layers one subscriber gets: goes over to another layer at its keyframe, leaves
 * out the frames of higher temporal layers, and numbers what is left as if there had never been more.
 */
import { everyTemporal, type Layer } from './layer-choice.ts'
import type { Vp8Payload } from './vp8-payload.ts'

export interface FrameFilter {
  /** Whose keyframe is waited for; null: none. */
  readonly awaited: number | null
  /** Null: nothing. */
  setWanted(layer: Layer | null): void
  /** Something is missing: nothing more until a keyframe. */
  restart(): void
  /** Null: this packet does not go on. */
  pass(packet: LayerPacket): { isSwitch: boolean; shift: Vp8Shift } | null
}

export interface LayerPacket {
  layer: number
  timestamp: number
  /** Another stream than the one before. */
  isNewSource: boolean
  vp8: Vp8Payload
}

export interface Vp8Shift {
  pictureId: number
  tl0: number
}

/** A frame’s packets may come late, after those of the next ones. */
const framesKnown = 64

export function createFrameFilter(): FrameFilter {
  let wanted: Layer | null = { layer: 0, temporal: everyTemporal }
  let running: number | null = null
  let hasRun = false
  let temporal = everyTemporal
  let shift: Vp8Shift = { pictureId: 0, tl0: 0 }
  let last: Vp8Shift | null = null
  const frames = new Map<number, { isDropped: boolean; shift: Vp8Shift }>()

  /** Goes on with the numbers where they were. */
  function begin(layer: number, { pictureId, tl0 }: Vp8Payload): void {
    running = layer
    hasRun = true
    temporal = wanted?.temporal ?? everyTemporal
    frames.clear()
    if (last)
      shift = {
        pictureId: pictureId ? last.pictureId + 1 - pictureId.value : 0,
        tl0: tl0 ? last.tl0 + 1 - tl0.value : 0,
      }
  }

  function judge(vp8: Vp8Payload, most: number): { isDropped: boolean; shift: Vp8Shift } {
    if (vp8.isSync && vp8.temporal > temporal && vp8.temporal <= most) temporal = vp8.temporal
    if (vp8.isKeyframe || temporal > most) temporal = most
    // Without numbers of its own a frame that is left out would be missed.
    const isDropped = vp8.pictureId !== null && vp8.temporal > temporal
    const frame = { isDropped, shift }
    if (isDropped) shift = { ...shift, pictureId: shift.pictureId - 1 }
    else
      last = {
        pictureId: (vp8.pictureId?.value ?? 0) + shift.pictureId,
        tl0: (vp8.tl0?.value ?? 0) + shift.tl0,
      }
    return frame
  }

  return {
    get awaited() {
      return wanted && wanted.layer !== running ? wanted.layer : null
    },
    setWanted(layer) {
      wanted = layer
      // What is too much does not go on until the smaller one begins.
      if (!layer || (running !== null && layer.layer < running)) running = null
    },
    restart() {
      running = null
    },
    pass({ layer, timestamp, isNewSource, vp8 }) {
      if (!wanted) return null
      let isSwitch = false
      if (running !== layer) {
        // The very first packets may go before their keyframe comes: it is asked for.
        if (layer !== wanted.layer || (hasRun && !vp8.isKeyframe)) return null
        begin(layer, vp8)
        isSwitch = true
      } else if (isNewSource) {
        begin(layer, vp8)
      }
      let frame = frames.get(timestamp)
      if (!frame) {
        frame = judge(vp8, wanted.layer === layer ? wanted.temporal : everyTemporal)
        frames.set(timestamp, frame)
        const [oldest] = frames.keys()
        if (frames.size > framesKnown && oldest !== undefined) frames.delete(oldest)
      }
      return frame.isDropped ? null : { isSwitch, shift: frame.shift }
    },
  }
}
