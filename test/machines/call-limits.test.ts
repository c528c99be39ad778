import { expect, test } from 'vitest'
import { tellCall } from '../support/call-story.ts'

test('R11 two may be in the call: a third is refused, and let in when there is room', () => {
  const story = tellCall('room', { mostPeople: 2 }).join('ada', 'a1').join('bo', 'b1')
  story.join('cleo', 'c1')
  expect(story.last).toMatchObject({ changed: false, ignored: 'call-full' })
  story.leave('bo', 'b1').join('cleo', 'c1')
  expect(story.shown()).toEqual(['ada joining', 'cleo joining'])
})

test('R9, R11 who is in a full call may come with another device, and with the same page again', () => {
  const story = tellCall('room', { mostPeople: 1 }).join('ada', 'a1').up('ada', 'a1', 'PA_1')
  expect(story.join('ada', 'a2').last.ignored).toBeNull()
  expect(story.join('ada', 'a1').last.ignored).toBeNull()
})

test('R3, R11 a full call tells a stranger nothing of being full', () => {
  const story = tellCall('room', { mostPeople: 1 }).join('ada', 'a1').join('eve', 'e1', false)
  expect(story.last.ignored).toBe('not-a-member')
})
