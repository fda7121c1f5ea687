# Makes the fixtures beside it: small ensembles of LightGBM and scikit-learn, node by node, with the contributions that
# LightGBM (pred_contrib) and shap (TreeExplainer, tree_path_dependent) give. Run with any Python that has lightgbm, shap
# and scikit-learn; the versions used are written into the files.
import json
import pathlib

import lightgbm
import numpy as np
import shap
import sklearn
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def rows(n):
    x = rng.normal(size=(n, 6)).round(3)
    x[:, 4] = rng.integers(0, 9, n)
    x[:, 5] = rng.integers(0, 2, n)
    x[rng.random(n) < 0.15, 1] = np.nan
    return x


def target(x):
    a = np.nan_to_num(x[:, 1], nan=1.5)
    return x[:, 0] * 2 + a * x[:, 2] + np.isin(x[:, 4], [1, 4, 7]) * 1.7 + x[:, 5] * x[:, 3] + rng.normal(size=len(x)) * 0.1


def lightgbm_tree(tree, output):
    nodes = []

    def add(node):
        at = len(nodes)
        nodes.append(None)
        if 'leaf_value' in node:
            nodes[at] = {'leaf': [node['leaf_value']], 'cover': node.get('leaf_count', 1)}
            return at
        member = node['decision_type'] == '=='
        one = {'feature': node['split_feature'], 'cover': node['internal_count']}
        if member:
            one['set'] = [int(v) for v in node['threshold'].split('||')]
        else:
            one['threshold'] = node['threshold']
            one['missing_yes'] = bool(node['default_left'])
        nodes[at] = one
        one['yes'] = add(node['left_child'])
        one['no'] = add(node['right_child'])
        return at

    add(tree['tree_structure'])
    return {'output': output, 'nodes': nodes}


def from_lightgbm(objective, classes=1):
    x = rows(600)
    y = target(x)
    if objective == 'binary':
        y = (y > 1).astype(int)
    if objective == 'multiclass':
        y = np.digitize(y, [0, 2])
    data = lightgbm.Dataset(x, y, categorical_feature=[4], params={'verbose': -1, 'min_data_per_group': 5, 'cat_smooth': 1})
    params = {'objective': objective, 'num_leaves': 9, 'verbose': -1, 'seed': 1, 'deterministic': True, 'num_threads': 1}
    params |= {'num_class': 3} if classes > 1 else {}
    booster = lightgbm.train(params, data, 4)
    trees = [lightgbm_tree(t, i % classes) for i, t in enumerate(booster.dump_model()['tree_info'])]
    asked = rows(12)
    found = booster.predict(asked, pred_contrib=True).reshape(len(asked), classes, 7)
    return fixture(trees, asked, found[:, :, :6], found[:, :, 6], f'lightgbm {lightgbm.__version__}, {objective}, pred_contrib')


def sklearn_tree(tree):
    t = tree.tree_
    nodes = []
    for i in range(t.node_count):
        cover = float(t.weighted_n_node_samples[i])
        if t.children_left[i] < 0:
            nodes.append({'leaf': t.value[i].ravel().tolist(), 'cover': cover})
        else:
            nodes.append({'feature': int(t.feature[i]), 'threshold': float(t.threshold[i]), 'missing_yes': False, 'cover': cover,
                          'yes': int(t.children_left[i]), 'no': int(t.children_right[i])})
    return {'output': None, 'nodes': nodes}


def from_forest(kind):
    x = np.nan_to_num(rows(300)).astype(np.float32)
    y = target(x)
    if kind is RandomForestClassifier:
        y = np.digitize(y, [0, 2])
    forest = kind(n_estimators=3, max_depth=7, min_samples_leaf=3, random_state=1).fit(x, y)
    trees = [sklearn_tree(tree) for tree in forest.estimators_]
    for tree in trees:
        for node in tree['nodes']:
            if 'leaf' in node:
                node['leaf'] = [v / len(trees) for v in node['leaf']]
    asked = np.nan_to_num(rows(8)).astype(np.float32)
    explainer = shap.TreeExplainer(forest, feature_perturbation='tree_path_dependent')
    found = np.asarray(explainer.shap_values(asked))
    found = found.reshape(len(asked), 6, -1).transpose(0, 2, 1)
    base = np.tile(np.ravel(explainer.expected_value), (len(asked), 1))
    return fixture(trees, asked, found, base, f'shap {shap.__version__} on scikit-learn {sklearn.__version__}, {kind.__name__}')


def fixture(trees, asked, contributions, base, origin):
    return {
        'origin': origin,
        'trees': trees,
        'rows': [[None if np.isnan(v) else round(float(v), 6) for v in row] for row in asked],
        'contributions': contributions.tolist(),
        'base': base.tolist(),
    }


made = {
    'regression': from_lightgbm('regression'),
    'binary': from_lightgbm('binary'),
    'multiclass': from_lightgbm('multiclass', 3),
    'forest-regression': from_forest(RandomForestRegressor),
    'forest-classes': from_forest(RandomForestClassifier),
}
for name, document in made.items():
    (HERE / f'{name}.json').write_text(json.dumps(document, separators=(',', ':')) + '\n')
