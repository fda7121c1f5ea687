# The reference engines of trees.ts with the settings they come with. Reads one JSON request a line, answers one JSON line
# that names the engines whose words about the test rows lie in files beside the request's own.
import json
import sys

import numpy as np


def load(part, columns):
    values = np.fromfile(part["file"], np.float64).reshape(len(columns), part["rows"]).T
    return np.ascontiguousarray(values)


def categorical(columns, most=10**9):
    return [i for i, column in enumerate(columns) if column["kind"] == "category" and column["values"] <= most]


def lightgbm_says(train, target, test, request):
    import lightgbm

    kind = lightgbm.LGBMClassifier if request["classes"] else lightgbm.LGBMRegressor
    model = kind(n_jobs=1, verbose=-1)
    return say(model.fit(train, target, categorical_feature=categorical(request["columns"])), test, request)


def hist_says(train, target, test, request):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if request["classes"] else HistGradientBoostingRegressor
    # More categories than bins can only be numbers there.
    model = kind(categorical_features=categorical(request["columns"], 255), random_state=0)
    return say(model.fit(train, target), test, request)


def xgboost_says(train, target, test, request):
    import xgboost

    kinds = ["c" if column["kind"] == "category" else "q" for column in request["columns"]]
    matrix = lambda values, **more: xgboost.DMatrix(values, feature_types=kinds, enable_categorical=True, **more)
    settings = {"tree_method": "hist", "nthread": 1, "seed": 0}
    if request["classes"] == 2:
        settings |= {"objective": "binary:logistic"}
    elif request["classes"]:
        settings |= {"objective": "multi:softprob", "num_class": request["classes"]}
    said = xgboost.train(settings, matrix(train, label=target), 100).predict(matrix(test))
    return np.column_stack([1 - said, said]) if request["classes"] == 2 else said


def linear_says(train, target, test, request):
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    codes = categorical(request["columns"])
    numbers = [i for i in range(train.shape[1]) if i not in codes]
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), codes),
    )
    model = LogisticRegression(max_iter=1000) if request["classes"] else Ridge()
    return say(make_pipeline(encode, model).fit(train, target), test, request)


def forest_says(train, target, test, request):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if request["classes"] else RandomForestRegressor
    return say(kind(n_jobs=1, random_state=0).fit(train, target), test, request)


def texts_say(train, target, test, request, kind):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), kind).fit(train, target)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(test)
    margin = model.decision_function(test)
    margin = np.column_stack([-margin, margin]) if margin.ndim == 1 else margin
    shares = np.exp(margin - margin.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def say(model, test, request):
    if not request["classes"]:
        return model.predict(test)
    # A class that no training row has gets nothing.
    said = np.zeros((len(test), request["classes"]))
    said[:, model.classes_.astype(int)] = model.predict_proba(test)
    return said


TABLE = {
    "lightgbm": lightgbm_says,
    "hist_gradient_boosting": hist_says,
    "linear": linear_says,
    "sklearn_forest": forest_says,
    "xgboost": xgboost_says,
}


def run(request):
    target = np.fromfile(request["target"], np.float64)
    if request["classes"]:
        target = target.astype(np.int32)
    answers = {}
    if "texts" in request:
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import LinearSVC

        with open(request["texts"], encoding="utf-8") as file:
            texts = json.load(file)
        for name, kind in {"linear": LogisticRegression(max_iter=1000), "linear_svc": LinearSVC()}.items():
            answers[name] = texts_say(texts["train"], target, texts["test"], request, kind)
    else:
        train, test = load(request["train"], request["columns"]), load(request["test"], request["columns"])
        for name in request["engines"]:
            answers[name] = TABLE[name](train, target, test, request)
    for name, said in answers.items():
        np.asarray(said, np.float64).tofile(f"{request['target']}.{name}")
    return list(answers)


print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
