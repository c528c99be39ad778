/** The known word that somebody probably meant. */

/** Undefined when none is near: one slip in a short word, two or a third of the letters in a longer one. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const maxDistance = word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 3))
  let nearest: string | undefined
  let least = maxDistance + 1
  for (const candidate of known) {
    const distance = slips(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}

/** Letters added, left out, changed, or swapped with the next (Damerau and Levenshtein's distance). */
function slips(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const addOrLeaveOut = Math.min(last[j] ?? 0, row[j - 1] ?? 0) + 1
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwap ? (beforeLast[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(change, addOrLeaveOut, swap))
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
