# The peer of linear.ts: scikit-learn on one thread. Reads one JSON request a line, answers one JSON line with seconds.
import json
import sys
import time

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

loaded = {}


def load(request):
    name = request["folder"] + "/" + request["name"]
    labels = np.fromfile(name + ".labels", np.int32)
    if request["form"] == "text":
        with open(name + ".json", encoding="utf-8") as file:
            return json.load(file), labels
    values = np.fromfile(name + ".values", np.float32)
    if request["form"] == "dense":
        return values.reshape(request["rows"], request["cols"]), labels
    indices = np.fromfile(name + ".indices", np.int32)
    offsets = np.fromfile(name + ".offsets", np.int32)
    return sp.csr_matrix((values, indices, offsets), shape=(request["rows"], request["cols"])), labels


def run(request):
    key = request["name"] + request["form"]
    if key not in loaded:
        loaded[key] = load(request)
    data, labels = loaded[key]
    started, started_cpu = time.perf_counter(), time.process_time()
    if request["form"] == "text":
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=20000)
        data = vectorizer.fit_transform(data)
    encoded, encoded_cpu = time.perf_counter(), time.process_time()
    model = LogisticRegression(C=request["C"], tol=1e-4, max_iter=300).fit(data, labels)
    done, done_cpu = time.perf_counter(), time.process_time()
    right = float(np.mean(model.predict(data) == labels))
    return {
        "wall": done - started,
        "encode": encoded_cpu - started_cpu,
        "fit": done_cpu - encoded_cpu,
        "iterations": int(np.max(model.n_iter_)),
        "right": right,
    }


print(json.dumps({"version": sklearn.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
