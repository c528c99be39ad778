/** A voice that never pauses, as a file for Chromium's fake microphone. */
import { writeFileSync } from 'node:fs'

const sampleRate = 48_000
const seconds = 4
/** Vowels at this pace keep a noise suppressor from taking it for a hum. */
const vowelsPerSecond = 7

/** `volume` 0 is what a microphone gives that is switched off at its cable. */
export function writeVoice(path: string, volume = 1): void {
  const count = sampleRate * seconds
  const wav = Buffer.alloc(44 + count * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + count * 2, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(sampleRate, 24)
  wav.writeUInt32LE(sampleRate * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(count * 2, 40)
  let phase = 0
  for (let i = 0; i < count; i += 1) {
    const at = i / sampleRate
    const sway = Math.sin(2 * Math.PI * vowelsPerSecond * at)
    // The pitch wanders, and with it which of the harmonics stand out.
    phase += (2 * Math.PI * (140 + 40 * Math.sin(2 * Math.PI * 1.3 * at))) / sampleRate
    let sum = 0
    for (let harmonic = 1; harmonic <= 20; harmonic += 1) {
      const formant = 3 + 3 * sway + 4 * Math.sin(2 * Math.PI * 2.1 * at)
      sum += Math.sin(harmonic * phase) / (1 + Math.abs(harmonic - 5 - formant))
    }
    const loudness = 0.8 + 0.2 * sway
    wav.writeInt16LE(
      Math.round(volume * Math.max(-1, Math.min(1, (sum * loudness) / 5)) * 30_000),
      44 + i * 2,
    )
  }
  writeFileSync(path, wav)
}
