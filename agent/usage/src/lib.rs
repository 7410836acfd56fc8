//! What each task attempt used: process tables in, usage rows out. Pure. Reading /proc and writing rows is the agent's.
