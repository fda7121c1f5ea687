// Inference requests over gRPC for a load test: the message is written once and sent many times over one connection.
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { datatypeOf } from '../core/oip/datatypes.ts'
import { toRaw } from '../core/oip/raw.ts'
import type { Tensors } from '../core/tensors.ts'
import { WireWriter } from './wire.ts'

export interface GrpcTarget {
  /** `host:port` */
  readonly address: string
  readonly tenant: string | undefined
  readonly model: string
  readonly version: string | undefined
}

export interface GrpcSender {
  readonly send: () => Promise<void>
  readonly close: () => void
  readonly bytes: number
}

const METHOD = '/inference.GRPCInferenceService/ModelInfer'
const asIs = (bytes: Buffer) => bytes

export function grpcSender({ address, tenant, model, version }: GrpcTarget, inputs: Tensors): GrpcSender {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  })
  const metadata = new Metadata()
  if (tenant !== undefined) metadata.set('x-tenant-id', tenant)
  const message = writeInferRequest(model, version ?? '', inputs)
  return {
    send: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(METHOD, asIs, asIs, message, metadata, (error) => (error ? reject(error) : resolve()))
      }),
    close: () => client.close(),
    bytes: message.length,
  }
}

export function writeInferRequest(model: string, version: string, inputs: Tensors): Buffer {
  const writer = new WireWriter().text(1, model).text(2, version)
  for (const [name, { type, dims }] of Object.entries(inputs)) {
    writer.message(5, new WireWriter().text(1, name).text(2, datatypeOf(type).name).ints(3, dims))
  }
  for (const tensor of Object.values(inputs)) writer.bytes(7, toRaw(tensor))
  return writer.finish()
}
