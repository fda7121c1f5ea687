// Our side of trees.ts: one fit in a process of its own, so that its peak of memory is its own and nothing is warm. The request
// is the one argument, JSON; the answer is one line of JSON. Times are of the fit, from values in memory to a model.
import { readFileSync, writeFileSync } from 'node:fs'
import { fitBoosting } from '../../src/ml/learn/trees/gradient-boosting.ts'
import { WIDTH } from './trees-data.ts'

const request = JSON.parse(process.argv[2]!)

function read(name: string) {
  const bytes = readFileSync(`${request.folder}/${name}.values`)
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  return { form: 'dense' as const, rows: values.length / WIDTH, cols: WIDTH, values }
}

const matrix = read(request.name)
const labels = Int32Array.from(readFileSync(`${request.folder}/${request.name}.labels`))
const [wall, cpu, own] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()]
const model = await fitBoosting({
  matrix,
  target: { task: 'classification', dtype: 'string', labels, classes: ['no', 'yes'] },
  hyperparameters: {
    n_estimators: request.rounds,
    learning_rate: 0.1,
    max_depth: request.depth,
    max_leaves: request.leaves,
    lambda_l2: 1,
    subsample: 1,
    colsample: 1,
    min_sum_hessian_in_leaf: 1,
    min_data_in_leaf: 1,
    threads: request.threads,
  },
})
const { user, system } = process.cpuUsage(cpu)
const first = process.threadCpuUsage(own)
const seconds = (performance.now() - wall) / 1e3
const peak = process.resourceUsage().maxRSS / 1024
const { values } = model.predict(read('test'))
writeFileSync(
  request.answers,
  Float64Array.from({ length: values.length / 2 }, (_, row) => values[2 * row + 1]!),
)
process.stdout.write(
  `${JSON.stringify({ cpu: (user + system) / 1e6, first: (first.user + first.system) / 1e6, wall: seconds, peak_mb: peak })}\n`,
)
