import type { Command } from 'commander'
import { fail } from '../../core/failure.ts'
import { type Session, withService } from '../command.ts'
import { explanationText } from '../explanation-text.ts'
import { readText } from '../files.ts'
import type { CliHost } from '../host.ts'
import { parseFields, parseJson } from '../values.ts'

interface PredictOptions {
  readonly file?: string
  readonly modelVersion?: string
  readonly environment?: string
  readonly explain?: boolean
}

const ROWS_A_REQUEST = 1000
/** As many as the service explains at once. */
const EXPLAINED_A_REQUEST = 100

export function addPredictCommand(program: Command, host: CliHost): void {
  program
    .command('predict')
    .description('predict a row given as JSON or as column=value, or every row of a JSON lines file')
    .argument('<model>')
    .argument('[row...]', '\'{"age": 42}\', or age=42 income=52000')
    .option('--file <path>', 'a JSON lines file; one answer a line')
    .option('--model-version <version>', 'default: the version that is live')
    .option('--environment <name>', 'default: production')
    .option('--explain', 'also say what each column contributed')
    .action((model: string, row: string[], options: PredictOptions, command: Command) =>
      withService(host, command, (session) =>
        options.file === undefined ? one(session, { model, row, options }) : many(session, { model, row, options }),
      ),
    )
}

interface Asked {
  readonly model: string
  readonly row: readonly string[]
  readonly options: PredictOptions
}

function chosen({ modelVersion, environment, explain }: PredictOptions) {
  return {
    ...(modelVersion !== undefined && { version: modelVersion }),
    ...(environment !== undefined && { environment }),
    ...(explain !== undefined && { explain }),
  }
}

async function one({ client, terminal }: Session, { model, row, options }: Asked): Promise<void> {
  if (row.length === 0) throw fail('invalid', 'ROW_MISSING', 'Give a row, or a file with --file')
  const input_data = parseFields(row, 'The row')
  const answer = await client.models.predict({
    model_id: model,
    input_data,
    ...chosen(options),
  })
  terminal.result(answer, () => {
    const confidence = answer.confidence === undefined ? '' : `  (${(answer.confidence * 100).toFixed(1)} %)`
    const why = answer.explanation ? `\n${explanationText(answer.explanation)}` : ''
    return `${answer.prediction}${confidence}${why}`
  })
}

async function many({ client, terminal }: Session, { model, options }: Asked): Promise<void> {
  const lines = (await readText(options.file!)).split('\n').filter((line) => line.trim() !== '')
  const rows = lines.map((line, index) => parseJson(line, `Line ${index + 1}`))
  const answers: unknown[] = []
  const atOnce = options.explain ? EXPLAINED_A_REQUEST : ROWS_A_REQUEST
  for (let start = 0; start < rows.length; start += atOnce) {
    const input_data = rows.slice(start, start + atOnce)
    const { predictions } = await client.models.predict_batch({ model_id: model, input_data, ...chosen(options) })
    answers.push(...predictions)
    terminal.progress(answers.length / rows.length, `${answers.length} of ${rows.length} rows`, String(start))
  }
  terminal.result(answers, () => answers.map((answer) => JSON.stringify(answer)).join('\n'))
}
