/** The known word that somebody probably meant. */

/** Undefined when none is within two changed letters (a third of a long word). */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(2, Math.floor(word.length / 3))
  let nearest: string | undefined
  let least = most + 1
  for (const candidate of known) {
    const distance = editDistance(word, candidate)
    if (distance < least) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
