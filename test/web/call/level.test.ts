import { describe, expect, test } from 'vitest'
import { nextSpeech, levelOfRms, rmsOf, smooth, type Speech } from '../../../web/livekit/level.ts'

const dbfs = (db: number) => 10 ** (db / 20)

describe('F12 how loud Ada is', () => {
  test('silence is 0, and so is whatever is below −55 dBFS', () => {
    expect(levelOfRms(0)).toBe(0)
    expect(levelOfRms(dbfs(-70))).toBe(0)
    expect(levelOfRms(dbfs(-55))).toBeCloseTo(0)
  })

  test('−35 dBFS is the middle, −15 dBFS and louder is 1', () => {
    expect(levelOfRms(dbfs(-35))).toBeCloseTo(0.5)
    expect(levelOfRms(dbfs(-15))).toBeCloseTo(1)
    expect(levelOfRms(1)).toBe(1)
  })

  test('a sine of full scale has an RMS of 1/√2; no samples have none', () => {
    const sine = Float32Array.from({ length: 4800 }, (_, i) => Math.sin((i * 2 * Math.PI) / 48))
    expect(rmsOf(sine)).toBeCloseTo(Math.SQRT1_2, 3)
    expect(rmsOf(new Float32Array())).toBe(0)
  })
})

describe('F12 the rings move as a voice does', () => {
  const after = (from: number, to: number, ms: number) => {
    let level = from
    for (let at = 0; at < ms; at += 10) level = smooth(level, to, 10)
    return level
  }

  test('up within 60 ms to two thirds, down within 260 ms', () => {
    expect(after(0, 1, 60)).toBeCloseTo(1 - Math.exp(-1), 2)
    expect(after(1, 0, 260)).toBeCloseTo(Math.exp(-1), 2)
  })

  test('the length of a frame does not matter', () => {
    expect(smooth(smooth(0, 1, 8), 1, 8)).toBeCloseTo(smooth(0, 1, 16), 6)
  })

  test('below .04 it is exactly 0, so that nothing is written any more', () => {
    expect(after(1, 0, 2000)).toBe(0)
    expect(smooth(0, 0.03, 1000)).toBe(0)
    expect(smooth(0, 0.5, 1)).toBeGreaterThan(0)
  })
})

describe('who speaks', () => {
  const silent: Speech = { speaking: false, quietSince: null }

  test('from .08 on, and no more 400 ms after the last of it', () => {
    let speech = nextSpeech(silent, 0.07, 0)
    expect(speech.speaking).toBe(false)
    speech = nextSpeech(speech, 0.08, 10)
    expect(speech.speaking).toBe(true)
    speech = nextSpeech(speech, 0, 20)
    speech = nextSpeech(speech, 0, 419)
    expect(speech.speaking).toBe(true)
    speech = nextSpeech(speech, 0, 420)
    expect(speech).toEqual(silent)
  })

  test('a breath between two words does not count', () => {
    let speech = nextSpeech(silent, 0.5, 0)
    speech = nextSpeech(speech, 0, 100)
    speech = nextSpeech(speech, 0.5, 300)
    speech = nextSpeech(speech, 0, 400)
    expect(nextSpeech(speech, 0, 700).speaking).toBe(true)
  })

  test('nothing new gives the same object, so that nothing is told', () => {
    const speaking: Speech = { speaking: true, quietSince: null }
    expect(nextSpeech(speaking, 1, 5)).toBe(speaking)
    expect(nextSpeech(silent, 0, 5)).toBe(silent)
  })
})
