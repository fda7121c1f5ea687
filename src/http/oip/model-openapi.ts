// OpenAPI for one model, from its own signature: what a generator of clients needs to type its columns and tensors.
import type { Signature, SignatureInput, SignatureOutput } from '../../contract/models.ts'
import type { TensorModel } from '../../core/data-plane.ts'
import { datatypeOf, shapeOf } from '../../core/oip/datatypes.ts'
import type { TensorInfo } from '../../core/tensors.ts'

const JSON_TYPE: Readonly<Record<SignatureInput['dtype'], string>> = {
  number: 'number',
  integer: 'integer',
  boolean: 'boolean',
  string: 'string',
  text: 'string',
  datetime: 'string',
}

/** OpenAPI 3.1 of a version: prediction by columns (unless it takes tensors alone) and by tensors. */
export function modelOpenApi(model: TensorModel) {
  const name = encodeURIComponent(model.modelName)
  const columns = model.takesRows && model.signature.inputs.length > 0 && model.signature.outputs.length > 0
  return {
    openapi: '3.1.0',
    info: { title: model.modelName, version: model.version, description: `Model ${model.modelId}.` },
    paths: {
      ...(columns && { [`/api/v1/ml/models/${name}/predict`]: { post: predictOperation(model.signature) } }),
      [`/v2/models/${name}/versions/${model.version}/infer`]: { post: inferOperation(model) },
    },
  }
}

function predictOperation(signature: Signature) {
  const required = signature.inputs.filter(({ nullable }) => !nullable).map(({ name }) => name)
  const row = {
    type: 'object',
    properties: Object.fromEntries(signature.inputs.map((input) => [input.name, columnSchema(input)])),
    additionalProperties: false,
    ...(required.length > 0 && { required }),
  }
  const [main] = signature.outputs
  const data = {
    type: 'object',
    properties: {
      prediction: outputSchema(main!),
      confidence: { type: 'number', minimum: 0, maximum: 1 },
      ...(main!.categories && {
        probabilities: {
          type: 'object',
          properties: Object.fromEntries(main!.categories.map((name) => [name, { type: 'number' }])),
        },
      }),
      version: { type: 'string' },
      prediction_id: { type: 'string' },
    },
    required: ['prediction', 'version', 'prediction_id'],
  }
  return {
    operationId: 'predict',
    summary: 'Predict one row.',
    requestBody: body({ type: 'object', properties: { input_data: row }, required: ['input_data'] }),
    responses: {
      200: reply({ type: 'object', properties: { success: { const: true }, data }, required: ['success', 'data'] }),
      422: { description: 'The row breaks a rule; `details.errors` names each.' },
    },
  }
}

/** Classes and ranges seen in training are told, not required: other values are accepted. */
function columnSchema({ dtype, nullable, categories, min, max }: SignatureInput) {
  const seen = [
    categories && `Seen in training: ${categories.slice(0, 50).join(', ')}.`,
    min !== undefined && max !== undefined && `Between ${min} and ${max} in training.`,
  ].filter(Boolean)
  return {
    type: nullable ? [JSON_TYPE[dtype], 'null'] : JSON_TYPE[dtype],
    ...(dtype === 'datetime' && { format: 'date-time' }),
    ...(seen.length > 0 && { description: seen.join(' ') }),
    ...(categories && { examples: categories.slice(0, 5) }),
  }
}

function outputSchema({ dtype, categories }: SignatureOutput) {
  return { type: JSON_TYPE[dtype], ...(categories && dtype === 'string' && { enum: [...categories] }) }
}

function inferOperation({ inputs, outputs }: TensorModel) {
  const response = {
    type: 'object',
    properties: { model_name: { type: 'string' }, model_version: { type: 'string' }, outputs: tensorList(outputs) },
    required: ['model_name', 'outputs'],
  }
  return {
    operationId: 'infer',
    summary: 'Infer by tensors (Open Inference Protocol).',
    requestBody: body({
      type: 'object',
      properties: { id: { type: 'string' }, inputs: tensorList(inputs), outputs: { type: 'array' } },
      required: ['inputs'],
    }),
    responses: { 200: reply(response), 400: { description: 'A tensor does not fit; `error` names it.' } },
  }
}

function tensorList(tensors: readonly TensorInfo[]) {
  return {
    type: 'array',
    items: {
      oneOf: tensors.map(({ name, type, dims }) => ({
        type: 'object',
        description: `Shape [${shapeOf(dims).join(', ')}]; -1 is any length.`,
        properties: {
          name: { const: name },
          datatype: { const: datatypeOf(type).name },
          shape: {
            type: 'array',
            items: { type: 'integer', minimum: 0 },
            minItems: dims.length,
            maxItems: dims.length,
          },
          data: { type: 'array' },
        },
        required: ['name', 'datatype', 'shape'],
      })),
    },
  }
}

function body(schema: object) {
  return { required: true, content: { 'application/json': { schema } } }
}

function reply(schema: object) {
  return { description: 'The answer.', content: { 'application/json': { schema } } }
}
