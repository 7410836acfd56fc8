-- Rollups of usage. Everything here can be built again from the Parquet files of the store, except rows that came
-- live and are not stored yet. Names are numbers of `name`; quantities are sums and signed.
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
-- Files that were taken; `problem` says why one was refused.
CREATE TABLE file (key TEXT PRIMARY KEY, hour INTEGER NOT NULL, rows INTEGER NOT NULL, problem TEXT) WITHOUT ROWID;
-- Numbers of rows taken from files, as runs without a gap.
CREATE TABLE seq_run (writer TEXT, first INTEGER, last INTEGER NOT NULL, PRIMARY KEY (writer, first)) WITHOUT ROWID;
-- Rows that came live and no file has brought yet.
CREATE TABLE live (writer TEXT, seq INTEGER, record TEXT NOT NULL, PRIMARY KEY (writer, seq)) WITHOUT ROWID;

CREATE TABLE hour (
    hour INTEGER, kind INTEGER, pool INTEGER, queue INTEGER, dag INTEGER, task INTEGER, env INTEGER,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slot_ms INTEGER NOT NULL, io_bytes INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL, ended INTEGER NOT NULL, wasted INTEGER NOT NULL,
    PRIMARY KEY (hour, kind, pool, queue, dag, task, env)
) WITHOUT ROWID;
CREATE TABLE worker_hour (
    hour INTEGER, kind INTEGER, pool INTEGER, worker INTEGER,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slot_ms INTEGER NOT NULL, io_bytes INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL, ended INTEGER NOT NULL, wasted INTEGER NOT NULL,
    PRIMARY KEY (hour, kind, pool, worker)
) WITHOUT ROWID;
-- All workers of a pool: totals and trends over long windows.
CREATE TABLE place_hour (
    hour INTEGER, kind INTEGER, pool INTEGER,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slot_ms INTEGER NOT NULL, io_bytes INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL, ended INTEGER NOT NULL, wasted INTEGER NOT NULL,
    PRIMARY KEY (hour, kind, pool)
) WITHOUT ROWID;
CREATE TABLE run_hour (
    hour INTEGER, kind INTEGER, pool INTEGER, dag INTEGER, run INTEGER,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slot_ms INTEGER NOT NULL, io_bytes INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL, ended INTEGER NOT NULL, wasted INTEGER NOT NULL,
    PRIMARY KEY (hour, kind, pool, dag, run)
) WITHOUT ROWID;
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL, dag INTEGER NOT NULL, task INTEGER NOT NULL, run INTEGER NOT NULL,
    map_index INTEGER NOT NULL, try_number INTEGER NOT NULL,
    worker INTEGER NOT NULL, pool INTEGER NOT NULL, queue INTEGER NOT NULL, env INTEGER NOT NULL,
    state INTEGER NOT NULL, wasted INTEGER NOT NULL, running INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, active_ms INTEGER NOT NULL,
    window_ms INTEGER NOT NULL, window_cpu_ns INTEGER NOT NULL, window_mem_byte_s INTEGER NOT NULL,
    UNIQUE (dag, run, task, map_index, try_number, kind)
);
CREATE INDEX attempt_wasted ON attempt (last_ms) WHERE wasted = 1;
CREATE INDEX attempt_alive ON attempt (last_ms) WHERE running = 1;
CREATE TABLE attempt_hour (
    attempt INTEGER, hour INTEGER,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slot_ms INTEGER NOT NULL, io_bytes INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL, ended INTEGER NOT NULL, wasted INTEGER NOT NULL,
    PRIMARY KEY (attempt, hour)
) WITHOUT ROWID;
CREATE TABLE last_window (
    worker INTEGER PRIMARY KEY, pool INTEGER NOT NULL, last_ms INTEGER NOT NULL, window_ms INTEGER NOT NULL,
    cpu_ns INTEGER NOT NULL, mem_byte_s INTEGER NOT NULL, slots INTEGER NOT NULL
);
