// What docs/reference/measurements.md shows of bench/results: each row names its file, the place in it, and what it was to reach.

export interface Measured {
  readonly what: string
  /** A file of bench/results, and the names that lead to the figure in it. */
  readonly file: string
  readonly at: readonly string[]
  readonly unit: string
  readonly aim?: { readonly least: number } | { readonly most: number }
}

export interface Part {
  readonly title: string
  readonly text: string
  readonly rows: readonly Measured[]
}

type Rest = Pick<Measured, 'aim' | 'unit'>
const of =
  (file: string) =>
  (what: string, at: string | readonly string[], { unit, aim }: Rest): Measured => ({
    what,
    file,
    at: typeof at === 'string' ? [at] : at,
    unit,
    ...(aim && { aim }),
  })

const least = (unit: string, aim: number): Rest => ({ unit, aim: { least: aim } })
const most = (unit: string, aim: number): Rest => ({ unit, aim: { most: aim } })

const serving = of('load-serving')
const oip = of('load-oip')
const overload = of('load-overload')
const trees = of('micro-trees')
const LARGE = '500000x30 depth 6'

export const PARTS: readonly Part[] = [
  {
    title: 'Serving',
    text:
      'A perceptron of 16 inputs, and a model of the Adult table by the names of its 14 columns, with tenants, validation, metrics and batching on, ' +
      'at 64 connections. The peer is FastAPI with onnxruntime and uvloop; the floor is a bare `node:http` server with ONNX Runtime in a thread.',
    rows: [
      serving('Predictions, Open Inference Protocol, JSON', 'v2 service per second', least('/s', 12_000)),
      serving('– over the peer', 'v2 rate / peer', least('×', 1.8)),
      serving('– over the floor', 'v2 rate / floor', least('×', 0.55)),
      serving('– p99', 'v2 service p99 ms', most(' ms', 15)),
      serving(
        'One connection, p50 over bare `session.run`',
        'v2_alone p50 over bare session.run, ms',
        most(' ms', 0.25),
      ),
      serving('Predictions by named columns', 'named service per second', least('/s', 8000)),
      serving('– over the peer', 'named rate / peer', { unit: '×' }),
      oip('Predictions over gRPC', 'grpc_service_per_second', least('/s', 6000)),
      oip('Tensors of 1 MB in', 'binary_1mb_service_mb_per_second', least(' MB/s', 400)),
      of('load-traces')(
        'Metrics, and traces of 1 %: rate',
        'v2 metrics and traces of 1 %, rate / bare',
        least('×', 0.95),
      ),
      of('load-swaps')('Requests refused while versions were swapped under full load', 'refused', most('', 0)),
      of('load-many-models')('200 of 2,000 models, p99 over that of ten', 'p99 among many / among few', most('×', 1.2)),
      overload('70 % of the capacity, p99 over p50', 'small steady: p99 / p50', most('×', 5)),
      overload('300 % of the capacity: answered over capacity', 'small overload: answered / capacity', least('×', 0.8)),
      overload('– well again after', 'small recovery ms', most(' ms', 1000)),
    ],
  },
  {
    title: 'Start, data, linear models',
    text: 'One process with the embedded database and a folder, its start included. Beside uploads stands DuckDB reading and summarizing the same file.',
    rows: [
      of('load-start')('Start to the first prediction', 'live model, to the first prediction', most(' ms', 2000)),
      of('load-start')(
        '– in an empty folder, with an upload and a training',
        'empty folder, upload and training of a logistic regression included, to the first prediction',
        most(' ms', 3500),
      ),
      of('load-predict-overhead')(
        'A prediction over bare `session.run`',
        '/predict/{model_id} over session.run',
        most(' ms', 0.3),
      ),
      of('load-upload')('A CSV of 100 MB, time over DuckDB', '100 MB: time over that of DuckDB', most('×', 2)),
      of('load-upload')(
        '– most memory of the service',
        '100 MB: most resident memory of the service, start included, MB',
        most(' MB', 400),
      ),
      of('micro-linear')(
        'Logistic regression, 400,000 × 30, over scikit-learn',
        ['dense-400000x30', 'ratio'],
        most('×', 1.5),
      ),
      of('micro-linear')(
        'TF-IDF and logistic regression, over scikit-learn',
        ['nlbse24-issues', 'ratio'],
        most('×', 1.5),
      ),
    ],
  },
  {
    title: 'Trees',
    text:
      'Processor time to learn 200 rounds, one thread, beside XGBoost `hist` and LightGBM on the same numbers; ranks are means over the tables of ' +
      '[quality-trees.json](../../bench/results/quality-trees.json), by the default settings of each.',
    rows: [
      trees('50,000 × 30, over XGBoost', ['50000x30 depth 6', 'cpu_1_thread_to_xgboost'], most('×', 1)),
      trees('– over LightGBM', ['50000x30 depth 6', 'cpu_1_thread_to_lightgbm'], most('×', 1.1)),
      trees('500,000 × 30, over XGBoost', [LARGE, 'cpu_1_thread_to_xgboost'], most('×', 1)),
      trees('– over LightGBM', [LARGE, 'cpu_1_thread_to_lightgbm'], most('×', 1.1)),
      trees('– memory over LightGBM', [LARGE, 'peak_memory_to_lightgbm'], most('×', 1.5)),
      trees('– AUC minus that of XGBoost', [LARGE, 'auc_minus_xgboost'], least('', -0.002)),
      trees('– two threads over one, speed', [LARGE, 'ours', 'speedup'], least('×', 1.6)),
      of('quality-trees')('Mean rank of the default boosting', ['ranks_of_defaults', 'gradient_boosting'], most('', 2)),
      of('quality-trees')('– of LightGBM', ['ranks_of_defaults', 'lightgbm'], { unit: '' }),
      of('quality-trees')('– of XGBoost', ['ranks_of_defaults', 'xgboost'], { unit: '' }),
      of('micro-tree-shap')('Exact contributions, over LightGBM', ['200 trees of 31 leaves', 'ratio'], most('×', 2)),
      of('micro-trees-row')('One row through 200 trees of depth 6', 'trees_us', most(' µs', 20)),
    ],
  },
  {
    title: 'Batch jobs and events',
    text: 'PostgreSQL with fsync, NATS JetStream. The bare script reads the CSV by DuckDB and calls `session.run`.',
    rows: [
      of('load-batch')(
        '1,000,000 rows × 30, rows a second over the bare script',
        'rows a second, batch job over bare script',
        least('×', 0.7),
      ),
      of('load-batch')('– twice the rows, time over time', 'twice the rows, time over time', most('×', 2.1)),
      of('load-batch')(
        '– most memory',
        'largest resident memory of the service with its database, MB',
        most(' MB', 600),
      ),
      of('load-jobs')('Jobs lost or done twice, of 10,000 by 100 tenants', 'jobs lost or done twice', most('', 0)),
      of('load-jobs')(
        'A chunk of one row, four at a time',
        'ms a chunk of one row, of a job with 500',
        most(' ms', 10),
      ),
      of('load-jobs')('Two workers over one, speed', 'one worker / two', least('×', 1.7)),
      of('load-events')('Events through the outbox', 'through the outbox, events a second', least('/s', 5000)),
      of('load-events')('Commit to subscriber, p50', 'commit to subscriber, p50 ms', most(' ms', 10)),
      of('load-events')('A query over NATS, p50', 'NATS query models.get, p50 ms', most(' ms', 2)),
    ],
  },
  {
    title: 'Travel and features',
    text: 'Features in Redis, 100,000 destinations, 50 connections, 200 requests a second by schedule.',
    rows: [
      of('load-travel')('Match, p95', 'match open p95 ms', most(' ms', 5)),
      of('load-travel')('Recommend, p95', 'recommend open p95 ms', most(' ms', 10)),
      of('load-travel')('Notify, p95', 'notify open p95 ms', most(' ms', 3)),
      of('load-travel')('Features of an entity, p99', 'features open p99 ms', most(' ms', 2)),
      of('quality-travel-match')('Match, AUC on held-out persons', 'all', least('', 0.83)),
      of('quality-travel-match')('– before the date', 'before_the_date', least('', 0.66)),
      of('quality-travel-notify')('Send-time, last order in the three hours', ['all', 'ours'], least('', 0.49)),
    ],
  },
]
