//! Usage times prices: money per DAG, task, run, queue, owner; idle, waste, zombies; the identity. Pure, integers only.
