//! Numbers of names back to what people read, each looked up once.

use std::collections::HashMap;
use std::sync::Arc;

use costs_engine::cells::env_name;
use costs_engine::{By, Prices};
use rusqlite::Connection;

/// The numbers of a group.
type Key = (i64, Option<i64>);

pub(super) struct Labels<'c> {
    connection: &'c Connection,
    by: By,
    prices: &'c Prices,
    texts: HashMap<i64, String>,
    pools: HashMap<i64, Arc<str>>,
    groups: HashMap<Key, Arc<[String]>>,
}

impl<'c> Labels<'c> {
    pub(super) fn new(connection: &'c Connection, by: By, prices: &'c Prices) -> Self {
        Self { connection, by, prices, texts: HashMap::new(), pools: HashMap::new(), groups: HashMap::new() }
    }

    pub(super) fn pool(&mut self, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(pool) = self.pools.get(&id) {
            return Ok(Arc::clone(pool));
        }
        let pool: Arc<str> = self.text(id)?.into();
        self.pools.insert(id, Arc::clone(&pool));
        Ok(pool)
    }

    pub(super) fn group(&mut self, key: Key) -> rusqlite::Result<Arc<[String]>> {
        if let Some(group) = self.groups.get(&key) {
            return Ok(Arc::clone(group));
        }
        let first = self.text(key.0)?;
        let first = match self.by {
            By::Owner => self.prices.owners.of(&first).to_owned(),
            By::Env => env_name(&first),
            _ => first,
        };
        let group: Arc<[String]> = match key.1 {
            Some(second) => [first, self.text(second)?].into(),
            None => [first].into(),
        };
        self.groups.insert(key, Arc::clone(&group));
        Ok(group)
    }

    fn text(&mut self, id: i64) -> rusqlite::Result<String> {
        if let Some(text) = self.texts.get(&id) {
            return Ok(text.clone());
        }
        let mut read = self.connection.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
        let text: String = read.query_row([id], |row| row.get(0))?;
        self.texts.insert(id, text.clone());
        Ok(text)
    }
}
