//! Waiting without sleeping for luck.

use std::fmt::Display;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `look` answers `Ok`, whose value it hands back.
///
/// # Panics
/// After `deadline`, with `what` was waited for and the last observation.
pub fn wait_for<T, E: Display>(deadline: Duration, what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= deadline => {
                panic!("waited {:.1} s for: {what}; last seen: {seen}", begun.elapsed().as_secs_f32())
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// [`wait_for`] in async code: other tasks go on between two looks.
///
/// # Panics
/// After `deadline`, with `what` was waited for and the last observation.
pub async fn wait_for_async<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= deadline => {
                panic!("waited {:.1} s for: {what}; last seen: {seen}", begun.elapsed().as_secs_f32())
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A loopback port that nobody listens on now. The kernel hands ports out in turn, so that another
/// process taking it before its use is unlikely.
///
/// # Panics
/// When loopback has no free port.
pub fn free_port() -> u16 {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()) {
        Ok(address) => address.port(),
        Err(error) => panic!("no free loopback port: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_the_first_success_comes_back() {
        let mut looks = 0;
        let value = wait_for(Duration::from_secs(5), "three looks", || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("not yet") }
        });
        assert_eq!(value, 3);
    }

    #[test]
    #[should_panic(expected = "for: the moon; last seen: clouds")]
    fn the_last_observation_is_in_the_panic() {
        wait_for::<(), _>(Duration::ZERO, "the moon", || Err("clouds"));
    }
}
