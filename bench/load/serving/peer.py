# The peer of the serving benchmark: FastAPI + onnxruntime, one process, one intra-op thread, one route for V2 JSON and one for
# named columns. Usage: peer.py SMALL.onnx NAMED.onnx; prints the port. uvloop and httptools are used where they are installed.
import socket
import sys

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, Request

options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
small, named = (ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]) for path in sys.argv[1:3])
types = {i.name: object if "string" in i.type else np.float64 if "double" in i.type else np.float32 for i in named.get_inputs()}
app = FastAPI()


@app.post("/v2/models/small/infer")
async def infer(request: Request):
    body = await request.json()
    given = body["inputs"][0]
    x = np.asarray(given["data"], dtype=np.float32).reshape(given["shape"])
    y = small.run(["y"], {"x": x})[0]
    outputs = [{"name": "y", "datatype": "FP32", "shape": list(y.shape), "data": y.ravel().tolist()}]
    return {"model_name": "small", "model_version": "1", "outputs": outputs}


@app.post("/predict/named")
async def predict(request: Request):
    row = (await request.json())["input_data"]
    outputs = named.run(None, {name: np.array([[row[name]]], dtype=kind) for name, kind in types.items()})
    return {"outputs": [output.tolist() for output in outputs]}


listening = socket.socket()
listening.bind(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_level="error", access_log=False)
print(config.get_loop_factory().__module__, flush=True)
uvicorn.Server(config).run(sockets=[listening])
