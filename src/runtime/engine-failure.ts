// The engine reports everything as an Error with a sentence. Here it becomes a failure with a kind: what the model or
// its values are to blame for is the caller's, lack of memory passes, the rest is ours. Failures cross threads as data.
import { asFailure, type FailureKind, fail, type MlError } from '../core/failure.ts'

/** A failure as it crosses threads; the stack stays behind. */
export interface FailureMessage {
  readonly kind: FailureKind
  readonly code: string
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

export function loadFailure(error: unknown): MlError {
  const reason = reasonOf(error)
  if (isOutOfMemory(reason)) return outOfMemory(error)
  return fail('invalid', 'MODEL_NOT_LOADABLE', `The model does not load: ${inWords(reason)}`, { cause: error })
}

const NEWER = 'the file is newer than this service; export it for an older operator set (opset_version=21)'

/** What the engine says of files from other times and places, with what to do about it. */
const IN_WORDS: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /Could not find an implementation for (\w+)\((\d+)\)/,
    ([, op, opset]) =>
      `the engine has no ${op} of operator set ${opset}; export it again for a newer one (opset_version=17)`,
  ],
  [
    /Opset (\d+) is under development.*?till opset (\d+)/s,
    ([, own, last]) => `it needs operator set ${own}, the engine has ${last}: ${NEWER}`,
  ],
  [
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    ([, own, last]) => `it has file format ${own}, the engine reads up to ${last}: ${NEWER}`,
  ],
  [
    /No Op registered for (\w+) with domain_version of (\d+)/,
    ([, op, opset]) =>
      `operator set ${opset} has no operator ${op}; a custom operator needs a library that is not here`,
  ],
  [
    /:?([\w.]+:\w+)\(-?\d+\) is not a registered function\/op/,
    ([, op]) => `it uses the operator ${op} of a library that is not here; export it with standard operators`,
  ],
  [
    /construct locale with name:\s*([\w.@-]+?):/,
    ([, locale]) => `it asks for the language ${locale}, which this machine lacks; export it with locale "C.UTF-8"`,
  ],
]

function inWords(reason: string): string {
  for (const [pattern, words] of IN_WORDS) {
    const found = pattern.exec(reason)
    if (found) return words(found)
  }
  return reason
}

export function runFailure(error: unknown): MlError {
  const reason = reasonOf(error)
  if (isOutOfMemory(reason)) return outOfMemory(error)
  if (/\bCUDA|cuDNN|cuBLAS/i.test(reason)) {
    return fail('internal', 'INFERENCE_FAILED', `The GPU failed: ${reason}`, { cause: error })
  }
  return fail('invalid', 'MODEL_RUN_FAILED', `The model could not run on these values: ${reason}`, { cause: error })
}

/** The engine's sentence without its source files, node decoration and line breaks. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .replaceAll(
      /\s*\/onnxruntime_src\/\S+:\d+\s+(?:\S+\s+)*?[\w:~<>]+\([^)]*\)(?:\s*(?:const|mutable))*(?:::<lambda\([^)]*\)>\s*)?/g,
      ' ',
    )
    .replaceAll(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replaceAll(/\s+/g, ' ')
    .replace(/^Exception during initialization: /, '')
    .trim()
}

function isOutOfMemory(reason: string): boolean {
  return /failed to allocate|bad_alloc|out of memory|available memory/i.test(reason)
}

function outOfMemory(cause: unknown): MlError {
  return fail('unavailable', 'OUT_OF_MEMORY', 'The model needs more memory than there is', {
    cause,
    retryAfterSeconds: 1,
  })
}

export function toMessage(error: unknown): FailureMessage {
  const { kind, code, message, details } = asFailure(error)
  return details === undefined ? { kind, code, message } : { kind, code, message, details }
}

export function fromMessage({ kind, code, message, details }: FailureMessage): MlError {
  const retry = kind === 'unavailable' ? { retryAfterSeconds: 1 } : {}
  return fail(kind, code, message, details === undefined ? retry : { details, ...retry })
}
