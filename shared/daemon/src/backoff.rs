use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Waits that double from `initial` up to `max`, each shortened by up to a fifth so that many processes
/// that failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    failures: u32,
}

/// Doubling stops here; 2^20 times any sensible start is above any sensible maximum.
const MAX_DOUBLINGS: u32 = 20;

impl Backoff {
    /// Waits from `initial` to `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max: max.max(initial), failures: 0 }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.unjittered();
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(1.0 - 0.2 * unit_random())
    }

    /// What [`Self::next_wait`] shortens.
    fn unjittered(&self) -> Duration {
        self.initial.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(self.max)
    }

    /// Failures since the last [`Self::reset`].
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Call after a success: the next wait is `initial` again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The longest wait.
    pub fn max(&self) -> Duration {
        self.max
    }
}

/// A number in `[0, 1)` from the standard library's randomly keyed hasher; jitter needs no better source.
fn unit_random() -> f64 {
    let bits = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// Bounded retries of one operation.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Calls in all, the first included; at least 1.
    pub attempts: u32,
    /// Waits between them.
    pub backoff: Backoff,
}

impl Retry {
    /// Calls `operation` until it succeeds, its error is not `retryable`, or the attempts are used up;
    /// answers the last result.
    pub async fn run<T, E, F>(
        &self,
        retryable: impl Fn(&E) -> bool,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = self.backoff.clone();
        loop {
            match operation().await {
                Err(error) if retryable(&error) && backoff.failures() + 1 < self.attempts => {
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_stay_between_four_fifths_and_the_maximum(initial in 1u64..5000, max in 1u64..60_000, steps in 1usize..40) {
            let mut backoff = Backoff::new(Duration::from_millis(initial), Duration::from_millis(max));
            for _ in 0..steps {
                let whole = backoff.unjittered();
                let wait = backoff.next_wait();
                prop_assert!(wait <= whole && whole <= backoff.max());
                prop_assert!(wait >= whole.mul_f64(0.79));
            }
        }
    }

    #[tokio::test]
    async fn retries_end_after_the_attempts() {
        let retry =
            Retry { attempts: 3, backoff: Backoff::new(Duration::from_millis(1), Duration::from_secs(1)) };
        let mut calls = 0;
        let result: Result<(), u8> = retry
            .run(
                |_| true,
                || {
                    calls += 1;
                    async { Err(7) }
                },
            )
            .await;
        assert_eq!((result, calls), (Err(7), 3));
    }

    #[tokio::test]
    async fn a_final_error_is_not_retried() {
        let retry =
            Retry { attempts: 3, backoff: Backoff::new(Duration::from_millis(1), Duration::from_secs(1)) };
        let mut calls = 0;
        let result: Result<(), u8> = retry
            .run(
                |_| false,
                || {
                    calls += 1;
                    async { Err(7) }
                },
            )
            .await;
        assert_eq!((result, calls), (Err(7), 1));
    }
}
