// Counters and histograms of the hot path, shown by prom-client's registry like its own. Whoever counts keeps the series of its labels, so
// that counting is an addition: finding them by labels, as prom-client does each time, takes some ten times as long.

type Labels<L extends string> = Readonly<Record<L, string>>

export interface SeriesOptions<L extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly L[]
}

interface Shown {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What is common: series by the values of their labels. */
abstract class Metric<L extends string, S> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly L[]
  abstract readonly type: 'counter' | 'histogram'
  readonly aggregator = 'sum'
  readonly #series = new Map<string, { readonly labels: Labels<L>; readonly series: S }>()

  constructor({ name, help, labelNames }: SeriesOptions<L>) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
  }

  /** The one of these labels, for ever. */
  of(labels: Labels<L>): S {
    const key = JSON.stringify(this.labelNames.map((name) => labels[name]))
    let found = this.#series.get(key)
    if (!found) {
      found = { labels, series: this.make() }
      this.#series.set(key, found)
    }
    return found.series
  }

  async get() {
    const { name, help, type, aggregator } = this
    const values: Shown[] = []
    for (const { labels, series } of this.#series.values()) values.push(...this.show(labels, series))
    return { name, help, type, aggregator, values }
  }

  reset(): void {
    this.#series.clear()
  }

  protected abstract make(): S
  protected abstract show(labels: Labels<L>, series: S): readonly Shown[]
}

export class Count {
  value = 0

  inc(): void {
    this.value++
  }
}

export class Counters<L extends string> extends Metric<L, Count> {
  readonly type = 'counter'

  protected make(): Count {
    return new Count()
  }

  protected show(labels: Labels<L>, { value }: Count): readonly Shown[] {
    return [{ labels, value }]
  }
}

export class Spread {
  readonly bounds: readonly number[]
  /** By bucket; the last holds what is beyond all bounds. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    counts[i]!++
    this.sum += value
  }
}

export class Histograms<L extends string> extends Metric<L, Spread> {
  readonly type = 'histogram'
  readonly #bounds: readonly number[]

  /** @param options.buckets upper bounds, the least first. */
  constructor(options: SeriesOptions<L> & { readonly buckets: readonly number[] }) {
    super(options)
    this.#bounds = options.buckets
  }

  protected make(): Spread {
    return new Spread(this.#bounds)
  }

  protected show(labels: Labels<L>, { bounds, counts, sum }: Spread): readonly Shown[] {
    const metricName = `${this.name}_bucket`
    let count = 0
    const buckets = counts.map((own, i): Shown => {
      count += own
      return { metricName, labels: { le: bounds[i] ?? '+Inf', ...labels }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ]
  }
}
