//! `updraft-costs`: reads usage from the store, keeps rollups in SQLite, reports, serves the dashboard and the API.
