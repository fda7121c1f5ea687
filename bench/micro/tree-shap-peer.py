# The peer of tree-shap.ts: LightGBM's pred_contrib on one thread. Reads one JSON request a line: `make` trains an ensemble
# and writes its trees and rows as JSON, `run` answers the processor seconds of one pred_contrib over those rows.
import json
import sys
import time

import lightgbm
import numpy as np

state = {}


def flat(tree):
    nodes = []

    def add(node):
        at = len(nodes)
        nodes.append(None)
        if "leaf_value" in node:
            nodes[at] = {"leaf": [node["leaf_value"]], "cover": node["leaf_count"]}
        else:
            nodes[at] = {
                "feature": node["split_feature"],
                "threshold": node["threshold"],
                "missing_yes": node["default_left"],
                "cover": node["internal_count"],
                "yes": add(node["left_child"]),
                "no": add(node["right_child"]),
            }
        return at

    add(tree["tree_structure"])
    return {"output": 0, "nodes": nodes}


def make(request):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20000, 30)).astype(np.float32).astype(np.float64)
    y = (x[:, 0] * x[:, 1] + np.sin(x[:, 2] * 2) + x[:, 3:8].sum(axis=1) * 0.5 + rng.normal(size=len(x)) > 0).astype(int)
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.05} | request["params"]
    booster = lightgbm.train(params, lightgbm.Dataset(x, y), request["trees"])
    state["booster"], state["rows"] = booster, x[: request["rows"]]
    with open(request["file"], "w", encoding="utf-8") as file:
        json.dump({"trees": [flat(t) for t in booster.dump_model()["tree_info"]], "rows": state["rows"].ravel().tolist()}, file)
    return {}


def run():
    started, cpu = time.perf_counter(), time.process_time()
    found = state["booster"].predict(state["rows"], pred_contrib=True, num_threads=1)
    return {"seconds": time.process_time() - cpu, "wall": time.perf_counter() - started, "first": found[0].tolist()}


print(json.dumps({"version": lightgbm.__version__}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(make(asked) if "params" in asked else run()), flush=True)
