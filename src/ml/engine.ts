// What a learner may ask for where its arithmetic is an ONNX graph: someone who runs it. The learner builds the bytes and
// knows no runtime; the training process hands it one.

export type GraphTensor = { readonly dims: readonly number[] } & (
  | { readonly type: 'float32'; readonly data: Float32Array }
  | { readonly type: 'int32'; readonly data: Int32Array }
)

export interface GraphSession {
  /**
   * Answers the named outputs. The feeds must not be changed before it does; between two runs the event loop is free.
   */
  run(
    feeds: Readonly<Record<string, GraphTensor>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, { readonly dims: readonly number[]; readonly data: unknown }>>>
  close(): Promise<void>
}

export interface GraphEngine {
  open(model: Uint8Array): Promise<GraphSession>
}
