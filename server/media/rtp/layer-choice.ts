/** Which pictures a client gets when its line does not take all of them. */
import type { LayerRates } from './layer-rates.ts'

/** As `temporal`: no frame is left out. VP8 has two bits for it. */
export const everyTemporal = 3

export interface Layer {
  /** Of a simulcast; the lowest is 0. */
  layer: number
  /** Frames above this temporal layer are left out. */
  temporal: number
}

export type LayerOption = Layer & { bitrate: number }

export interface LayerOffer<Key> {
  key: Key
  /** The higher ones get a picture first, and a better one. */
  priority: number
  /** What can be sent of it, from the smallest to the best, with its bits a second. */
  options: readonly LayerOption[]
  present: Layer | null
}

/** More than what runs now needs some room to spare, or it would come and go. */
const spare = 1.1

/** Everybody’s smallest first, then one step after the other. What is not in it gets no picture. */
export function chooseLayers<Key>(
  offers: readonly LayerOffer<Key>[],
  bitrate: number,
): Map<Key, Layer> {
  const chosen = new Map<Key, { offer: LayerOffer<Key>; step: number }>()
  let left = bitrate
  const ordered = [...offers].sort((a, b) => b.priority - a.priority)

  function cost({ options, present }: LayerOffer<Key>, step: number): number {
    const option = options[step]
    if (!option) return Infinity
    return option.bitrate * (present && compareLayers(option, present) <= 0 ? 1 : spare)
  }

  function raise(offer: LayerOffer<Key>, step: number): boolean {
    const more = cost(offer, step) - (step === 0 ? 0 : cost(offer, step - 1))
    if (!offer.options[step] || more > left) return false
    left -= more
    chosen.set(offer.key, { offer, step })
    return true
  }

  for (const offer of ordered) raise(offer, 0)
  for (let isChanging = true; isChanging;) {
    isChanging = false
    for (const offer of ordered) {
      const now = chosen.get(offer.key)
      if (now && raise(offer, now.step + 1)) isChanging = true
    }
  }
  return new Map(
    [...chosen].flatMap(([key, { offer, step }]) => {
      const option = offer.options[step]
      return option ? [[key, { layer: option.layer, temporal: option.temporal }] as const] : []
    }),
  )
}

export function compareLayers(a: Layer, b: Layer): number {
  return a.layer - b.layer || a.temporal - b.temporal
}

/** Before it was measured. */
const assumedBitrate = { smallest: 100_000, best: 800_000 }

/** The lowest layer that flows, by its temporal layers, then the higher ones. */
export function toLayerOptions(rates: LayerRates): LayerOption[] {
  const known = rates.layers
  const flowing = known.filter((layer) => rates.of(layer) !== null)
  const [lowest = 0, ...higher] = flowing.length > 0 ? flowing : known
  const rateOf = (layer: number) => rates.of(layer) ?? []
  const smallest = rateOf(lowest).map((bitrate, temporal) => ({ layer: lowest, temporal, bitrate }))
  const whole = smallest.pop()
  return [
    ...smallest,
    {
      layer: lowest,
      temporal: everyTemporal,
      bitrate: whole?.bitrate ?? (higher.length > 0 ? assumedBitrate.smallest : 0),
    },
    ...higher.map((layer) => ({
      layer,
      temporal: everyTemporal,
      bitrate: rateOf(layer).at(-1) ?? assumedBitrate.best,
    })),
  ]
}
