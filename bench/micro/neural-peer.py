# The peer of neural.ts, here and under bench/quality: scikit-learn's multilayer perceptron on one thread. Reads one JSON
# request a line, answers one JSON line with seconds and what it says about the test rows.
import json
import sys
import time

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor


def load(part):
    name, shape = part["file"], (part["rows"], part["cols"])
    values = np.fromfile(name + ".values", np.float32)
    if part["form"] == "dense":
        return values.reshape(shape)
    indices = np.fromfile(name + ".indices", np.int32)
    offsets = np.fromfile(name + ".offsets", np.int32)
    return sp.csr_matrix((values, indices, offsets), shape=shape)


def run(request):
    train, test = load(request["train"]), load(request["test"])
    classes = request["task"] == "classification"
    target = np.fromfile(request["train"]["file"] + ".target", np.float64)
    settings = {"hidden_layer_sizes": (64, 64), "random_state": 0, **request["settings"]}
    centre, scale = (0, 1) if classes else (target.mean(), target.std())
    started = time.process_time()
    model = (MLPClassifier if classes else MLPRegressor)(**settings)
    model.fit(train, target.astype(np.int32) if classes else (target - centre) / scale)
    seconds = time.process_time() - started
    said = model.predict_proba(test) if classes else model.predict(test) * scale + centre
    said.astype(np.float64).tofile(request["test"]["file"] + ".said")
    return {"seconds": seconds, "epochs": int(model.n_iter_)}


print(json.dumps({"version": sklearn.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
