/** How much comes in of each layer of a published track. */

export interface LayerRates {
  /** Of a simulcast, whether it flows just now or not. */
  readonly layers: readonly number[]
  /** Bits a second up to each temporal layer; null: nothing comes of it. */
  of(layer: number): readonly number[] | null
  count(layer: number, temporal: number, bytes: number, at: number): void
  tick(at: number): void
  clear(): void
}

interface Layer {
  bytes: number[]
  /** Up to and with each temporal layer. */
  rates: number[]
  lastAt: number
}

/** Headers and tags of each packet, down to IP. */
export const packetOverhead = 60
const periodMs = 500
const flowsMs = 2_000

export function createLayerRates(): LayerRates {
  const layers = new Map<number, Layer>()
  let since = 0
  let now = 0

  return {
    get layers() {
      return [...layers.keys()].sort((a, b) => a - b)
    },
    of(index) {
      const layer = layers.get(index)
      return layer && now - layer.lastAt < flowsMs ? layer.rates : null
    },
    count(index, temporal, bytes, at) {
      let layer = layers.get(index)
      if (!layer) {
        layer = { bytes: [], rates: [], lastAt: at }
        layers.set(index, layer)
      }
      now = Math.max(now, at)
      layer.lastAt = at
      layer.bytes[temporal] = (layer.bytes[temporal] ?? 0) + bytes + packetOverhead
    },
    tick(at) {
      now = at
      if (since === 0) since = at
      if (at - since < periodMs) return
      const elapsed = at - since
      since = at
      for (const layer of layers.values()) {
        let sum = 0
        layer.rates = Array.from(layer.bytes, (bytes, temporal) => {
          sum += bytes ?? 0
          const rate = (sum * 8_000) / elapsed
          const before = layer.rates[temporal]
          if (before === undefined || elapsed > 4 * periodMs) return rate
          // Up at once, down slowly: a picture that moves now and then needs its room.
          return before + (rate - before) * (rate > before ? 0.5 : 0.2)
        })
        layer.bytes.fill(0)
      }
    },
    clear() {
      layers.clear()
    },
  }
}
