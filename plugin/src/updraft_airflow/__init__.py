"""Updraft's side inside Airflow: a DAG bundle over published trees.

Nothing here imports Airflow or touches a file at import: the API server and the scheduler load the bundle class where
no volume is mounted.
"""

__version__ = "0.1.0"
