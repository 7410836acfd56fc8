"""Creates the user of an Airflow 2.11 that lives as long as one demo. Name and password come by environment."""

import os

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

with get_application_builder() as builder:
    manager = builder.sm
    name, password = os.environ["UPDRAFT_LOCAL_USER"], os.environ["UPDRAFT_LOCAL_PASSWORD"]
    if manager.find_user(name) is None:
        role = manager.find_role("Admin")
        if not manager.add_user(name, "Demo", "Admin", f"{name}@example.invalid", role, password):
            raise SystemExit("the user cannot be created")
