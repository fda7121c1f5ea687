// When a new version takes over: it must be better than the live one on the same held-out rows, by more than the margin, and
// where that was asked for it must be so for sure.
import type { GateReport } from '../../contract/evaluation.ts'
import type { ChampionResult, ComparedFigure, GateMetric } from './pipeline/spec.ts'

export interface GateDecision {
  readonly promote: boolean
  readonly reason: string
}

export interface GateRule {
  readonly min_improvement: number
  /** Level of the interval that must lie above the margin; without it the difference itself decides. */
  readonly require_significance?: number
  /** For a version that is meant to be smaller rather than better: it may be worse by as much as this. */
  readonly max_loss?: number
}

export function decideGate(metric: GateMetric, champion: ChampionResult | undefined, rule: GateRule): GateDecision {
  if (!champion) return { promote: true, reason: 'first version' }
  if ('incomparable' in champion) {
    const { version, incomparable, promote = false } = champion
    return { promote, reason: `cannot be compared with ${version}: ${incomparable}` }
  }
  const figures = `${metric.name} ${shown(metric.value)} against ${shown(champion.value)} of ${champion.version}, on the same held-out rows`
  if (rule.require_significance !== undefined) return decideForSure(champion, rule, figures)
  const gain = metric.greaterIsBetter ? metric.value - champion.value : champion.value - metric.value
  if (rule.max_loss !== undefined) {
    const allowed = rule.max_loss > 0 ? ` by more than ${rule.max_loss}` : ''
    const promote = gain >= -rule.max_loss
    return { promote, reason: `${promote ? 'not worse' : 'worse'}${allowed}: ${figures}` }
  }
  if (gain > rule.min_improvement) return { promote: true, reason: figures }
  return { promote: false, reason: `not better${margin(rule)}: ${figures}` }
}

function decideForSure({ difference: found }: ComparedFigure, rule: GateRule, figures: string): GateDecision {
  if (!found) {
    const reason = `how sure the difference is cannot be told from so few held-out rows (raise evaluation.test_fraction): ${figures}`
    return { promote: false, reason }
  }
  const { difference, low, high, level } = found
  const interval = `${Number((level * 100).toPrecision(4))} % interval ${span(low, high)}`
  if (low > rule.min_improvement) {
    return { promote: true, reason: `better by ${digits(difference)} (${interval}): ${figures}` }
  }
  const words = difference > 0 ? `better by ${digits(difference)}` : `not better (difference ${digits(difference)})`
  return { promote: false, reason: `not surely better${margin(rule)}: ${words} (${interval}): ${figures}` }
}

function margin({ min_improvement: least }: GateRule): string {
  return least > 0 ? ` by more than ${least}` : ''
}

/** A dash between two positive numbers; beside a minus sign it would be misread. */
function span(low: number, high: number): string {
  return `${digits(low)}${low < 0 || high < 0 ? ' to ' : '–'}${digits(high)}`
}

/** Two digits: nobody promotes by the third digit of a difference. */
function digits(value: number): string {
  return String(Number(value.toPrecision(2)))
}

function shown(value: number): string {
  return value.toPrecision(5)
}

/** As it is kept with the version. */
export function gateReport(
  decision: GateDecision,
  metric: GateMetric,
  champion: ChampionResult | undefined,
): GateReport {
  const compared = champion && 'value' in champion ? champion : undefined
  return {
    ...decision,
    metric: metric.name,
    value: metric.value,
    champion: champion?.version ?? null,
    champion_value: compared?.value ?? null,
    ...(compared?.difference && { difference: { ...compared.difference } }),
  }
}
