/** Which of the eight colours a person's face has: always the same one, from the user id. */

/** 1 to 8 (FNV-1a of the id, folded), the number in the class `p1` … `p8`. */
export function faceColour(userId: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < userId.length; at++) {
    hash = Math.imul(hash ^ userId.charCodeAt(at), 0x01000193)
  }
  // The lowest bits of FNV know only the lowest bits of each letter.
  return ((hash ^ (hash >>> 16) ^ (hash >>> 8)) & 7) + 1
}

/** The letter on it: the first of the name, whole even when it takes two code units. */
export function faceLetter(name: string): string {
  return [...name.replaceAll(/[\p{Default_Ignorable_Code_Point}\s]/gu, '')][0]?.toUpperCase() ?? ''
}
