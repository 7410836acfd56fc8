"""Fits a model. pandas and scikit-learn are imported at top level, as people write it."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import sklearn
from demo_process import worker_pid
from sklearn.linear_model import LinearRegression

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow.decorators import task
    from airflow.models.dag import DAG

GREETING = "hello from the first commit"

with DAG("model", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task
    def fit() -> dict[str, str]:
        """Fits y = 2x + 1 and says with which versions."""
        frame = pd.DataFrame({"x": range(100)})
        frame["y"] = 2 * frame["x"] + 1
        model = LinearRegression().fit(frame[["x"]], frame["y"])
        print(f"{GREETING}: slope {model.coef_[0]:.3f}, pandas {pd.__version__}, scikit-learn {sklearn.__version__}")
        return {
            "pandas": pd.__version__,
            "scikit-learn": sklearn.__version__,
            "greeting": GREETING,
            "worker": worker_pid(),
        }

    fit()
