/** Draws a machine's chart as a Mermaid state diagram: every declared transition is an arrow or a line in a note. */
import type { Chart, ChartState, ChartTransition } from '../../machines/chart.ts'

export function toMermaid({ machineId, root }: Chart): string {
  const lines = ['stateDiagram-v2', '  direction LR']
  draw(root, machineId, '  ', lines)
  return lines.join('\n')
}

/** `path`: the state's id in XState, dots between the keys. */
function draw(state: ChartState, path: string, indent: string, lines: string[]): void {
  if (state.initial !== null) {
    lines.push(`${indent}[*] --> ${nameOf(`${path}.${state.initial}`)}`)
  }
  for (const child of state.states) {
    const childPath = `${path}.${child.key}`
    lines.push(`${indent}state "${titleOf(child)}" as ${nameOf(childPath)}`)
    if (child.states.length === 0) continue
    lines.push(`${indent}state ${nameOf(childPath)} {`)
    const regions = child.type === 'parallel' ? child.states : null
    if (regions) {
      regions.forEach((region, i) => {
        if (i > 0) lines.push(`${indent}  --`)
        const regionPath = `${childPath}.${region.key}`
        lines.push(`${indent}  state "${titleOf(region)}" as ${nameOf(regionPath)}`)
        if (region.states.length === 0) return
        lines.push(`${indent}  state ${nameOf(regionPath)} {`)
        draw(region, regionPath, `${indent}    `, lines)
        lines.push(`${indent}  }`)
      })
    } else {
      draw(child, childPath, `${indent}  `, lines)
    }
    lines.push(`${indent}}`)
  }
  for (const child of state.states) arrows(child, `${path}.${child.key}`, indent, lines)
}

function arrows(state: ChartState, path: string, indent: string, lines: string[]): void {
  const arrowsByTarget = new Map<string, string[]>()
  for (const transition of state.transitions) {
    for (const target of transition.targets) {
      const labels = arrowsByTarget.get(target) ?? []
      if (labels.length === 0) arrowsByTarget.set(target, labels)
      labels.push(labelOf(transition))
    }
  }
  for (const [target, labels] of arrowsByTarget) {
    lines.push(
      `${indent}${nameOf(path)} --> ${nameOf(target)} : ${[...new Set(labels)].join(' / ')}`,
    )
  }
  if (state.type === 'final') lines.push(`${indent}${nameOf(path)} --> [*]`)
}

/** With what runs in it: `asking (join)`. */
const titleOf = ({ key, invokes }: ChartState) => (invokes ? `${key} (${invokes.join(', ')})` : key)

function labelOf({ event, guard }: ChartTransition): string {
  const what = event === '' ? 'always' : event
  return guard === null ? what : `${what} [${guard}]`
}

/** Mermaid's ids hold neither dots nor dashes. */
const nameOf = (path: string) => path.replaceAll(/[^A-Za-z0-9]/g, '_')

/** All transitions of a chart as rows, those that stay in their state, too. */
export function toTable(chart: Chart): string {
  const rows: string[] = []
  const visit = (state: ChartState, path: string) => {
    for (const actor of state.invokes ?? []) {
      rows.push(`| ${path} | *invokes* |  |  | \`${actor}\` |`)
    }
    for (const { event, guard, targets, actions } of state.transitions) {
      const cells = [
        path,
        event === '' ? '*always*' : `\`${event}\``,
        guard === null ? '' : `\`${guard}\``,
        targets.map((target) => target.split('.').slice(1).join('.')).join(', '),
        actions.map((action) => `\`${action.replaceAll('|', '\\|')}\``).join(' '),
      ]
      rows.push(`| ${cells.join(' | ')} |`)
    }
    for (const child of state.states) {
      visit(child, path === '' ? child.key : `${path}.${child.key}`)
    }
  }
  visit(chart.root, '')
  return ['| state | event | guard | to | actions |', '|---|---|---|---|---|', ...rows].join('\n')
}
