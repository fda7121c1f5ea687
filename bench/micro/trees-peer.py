# The peers of trees.ts: one fit of XGBoost or LightGBM in a process of its own. The request is the one argument, JSON; the
# answer is one line of JSON. Times are of the fit, from values in memory to a model, binning included.
import json
import resource
import sys
import time

import numpy as np

request = json.loads(sys.argv[1])
WIDTH = 30


def read(name):
    return np.fromfile(request["folder"] + "/" + name + ".values", np.float32).reshape(-1, WIDTH)


def xgboost_fit(values, labels):
    params = {
        "objective": "binary:logistic", "tree_method": "hist", "max_bin": 256, "eta": 0.1, "lambda": 1,
        "min_child_weight": 1, "max_depth": request["depth"], "nthread": request["threads"], "verbosity": 0,
    }
    if request["depth"] == 0:
        params |= {"grow_policy": "lossguide", "max_leaves": request["leaves"]}
    data = engine.DMatrix(values, labels, nthread=request["threads"])
    return engine.train(params, data, request["rounds"])


def lightgbm_fit(values, labels):
    params = {
        "objective": "binary", "max_bin": 255, "learning_rate": 0.1, "lambda_l2": 1, "min_sum_hessian_in_leaf": 1,
        "min_data_in_leaf": 1, "max_depth": request["depth"] or -1, "num_leaves": request["leaves"],
        "num_threads": request["threads"], "verbose": -1, "seed": 1,
    }
    return engine.train(params, engine.Dataset(values, labels), request["rounds"])


if request["engine"] == "xgboost":
    import xgboost as engine
else:
    import lightgbm as engine

values = read(request["name"])
labels = np.fromfile(request["folder"] + "/" + request["name"] + ".labels", np.uint8).astype(np.float32)
wall, cpu = time.perf_counter(), time.process_time()
model = (xgboost_fit if request["engine"] == "xgboost" else lightgbm_fit)(values, labels)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
test = read("test")
answers = model.predict(engine.DMatrix(test)) if request["engine"] == "xgboost" else model.predict(test)
np.asarray(answers, np.float64).tofile(request["answers"])
print(json.dumps({"cpu": cpu, "wall": wall, "peak_mb": peak, "version": engine.__version__}))
