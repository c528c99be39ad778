/** Whether this browser lets a page choose the speaker; some leave that to the system. */
export const canChooseSpeaker = (): boolean => 'setSinkId' in HTMLMediaElement.prototype
