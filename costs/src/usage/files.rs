use costs_engine::Window;
use costs_engine::window::HOUR_MS;
use domain::keys::USAGE;
use objectstore::Store;

use super::ReadError;

/// A file of usage rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its key in the store.
    pub key: String,
    /// Hour of its first row, Unix hours.
    pub hour: u32,
}

const DAY_MS: u64 = 24 * HOUR_MS;

/// The files that may hold rows of a window, by hour: one listing a day. A file lies in the hour of its first row
/// and may reach into the next one.
pub async fn list(store: &Store, window: Window) -> Result<Vec<File>, ReadError> {
    let from_ms = window.from_ms.saturating_sub(HOUR_MS) / HOUR_MS * HOUR_MS;
    let mut files = Vec::new();
    let mut day_ms = from_ms / DAY_MS * DAY_MS;
    while day_ms < window.to_ms {
        let prefix = format!("{USAGE}dt={}/", costs_engine::window::day_text(day_ms));
        for listed in store.list(&prefix).await.map_err(ReadError::Store)? {
            if let Some(hour) = hour_of(&listed.key, &prefix) {
                let at_ms = day_ms + u64::from(hour) * HOUR_MS;
                if (from_ms..window.to_ms).contains(&at_ms) {
                    let hour = u32::try_from(at_ms / HOUR_MS).unwrap_or(u32::MAX);
                    files.push(File { key: listed.key, hour });
                }
            }
        }
        day_ms += DAY_MS;
    }
    Ok(files)
}

/// `hour=07/x.parquet` below the prefix of a day; anything else is none of our files.
fn hour_of(key: &str, prefix: &str) -> Option<u8> {
    let (hour, name) = key.strip_prefix(prefix)?.strip_prefix("hour=")?.split_once('/')?;
    let is_ours = name.len() > ".parquet".len() && name.ends_with(".parquet") && hour.len() == 2;
    hour.parse().ok().filter(|hour| is_ours && *hour < 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_none_of_ours() {
        let of = |name: &str| hour_of(&format!("p/{name}"), "p/");
        assert_eq!(of("hour=07/w-1.parquet"), Some(7));
        assert_eq!(
            [of("hour=24/w.parquet"), of("hour=7/w.parquet"), of("hour=07/w.tmp"), of("x/w.parquet")],
            [None; 4]
        );
    }
}
