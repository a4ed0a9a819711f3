"""A random forest that learns a yes or no from columns."""

import pickle
from typing import Annotated

import matplotlib
import pandas
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from chem_flow import Column, OutputFile, param, step

# A plot has the same bytes on every day.
matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "chem"


@step(
    "lab.forest",
    version=1,
    outputs={
        "main": {"name": str, "smiles": str, "actual": bool, "probability": float},
        "metrics": {"metric": str, "value": float},
    },
)
def forest(
    table: pandas.DataFrame,
    *,
    target: Column,
    features: list[Column],
    trees: Annotated[int, param(min=1)] = 200,
    seed: int = 7,
    model: OutputFile,
    plot: OutputFile,
):
    """Trains on the rows whose `split` is `train`, and predicts the others.

    target: The column to learn, which is true or false.
    features: The columns to learn it from.
    trees: The number of trees.
    seed: What the random numbers begin with.
    model: The file of the trained forest, for `pickle`.
    plot: The file of the ROC curve, as SVG.
    """
    table = table.dropna(subset=[target, *features])
    train, test = table[table["split"] == "train"], table[table["split"] == "test"]
    learned = RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1)
    learned.fit(train[features].to_numpy(), train[target].astype(bool))
    probability = learned.predict_proba(test[features].to_numpy())[:, 1]
    actual = test[target].astype(bool)

    with open(model, "wb") as file:
        pickle.dump(learned, file, protocol=5)
    draw(actual, probability, plot)
    metrics = {
        "trained on": float(len(train)),
        "tested on": float(len(test)),
        "ROC AUC": float(roc_auc_score(actual, probability)),
        "average precision": float(average_precision_score(actual, probability)),
    }
    return {
        "main": pandas.DataFrame(
            {"name": test["name"], "smiles": test["smiles"], "actual": actual, "probability": probability}
        ),
        "metrics": pandas.DataFrame({"metric": list(metrics), "value": list(metrics.values())}),
    }


def draw(actual: pandas.Series, probability: object, path: str) -> None:
    """Draws the ROC curve."""
    from matplotlib.figure import Figure

    false_positives, true_positives, _ = roc_curve(actual, probability)
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    axes.plot([0, 1], [0, 1], color="lightgray")
    axes.plot(false_positives, true_positives)
    figure.savefig(path, format="svg", metadata={"Date": None})
