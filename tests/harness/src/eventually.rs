//! Waiting for a condition, with its last state in the failure. Nothing else in the tests may wait for time.

use std::future::Future;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks `probe` until it answers `Ok`, at growing distances of 2 to 50 ms.
///
/// # Panics
/// After `deadline`, naming `what` was waited for and the last `Err`.
pub async fn eventually<T, F>(deadline: Duration, what: &str, probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    match within(deadline, what, probe).await {
        Ok(value) => value,
        Err(failure) => panic!("{failure}"),
    }
}

/// As [`eventually`], for waits whose failure the caller wants to explain.
///
/// # Errors
/// After `deadline`: what was waited for and the last state.
pub async fn within<T, F>(
    deadline: Duration,
    what: &str,
    mut probe: impl FnMut() -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut last = "never asked in time".to_owned();
    loop {
        let left = deadline.saturating_sub(start.elapsed());
        match tokio::time::timeout(left.max(FIRST_PAUSE), probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(state)) => last = state,
            Err(_) => last = format!("still asking; before that: {last}"),
        }
        if start.elapsed() >= deadline {
            return Err(format!("waited {deadline:?} for {what}; last state: {last}"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_as_soon_as_the_condition_holds() {
        let mut asked = 0;
        let value = eventually(Duration::from_secs(10), "the third question", || {
            asked += 1;
            let now = asked;
            async move { if now < 3 { Err(format!("asked {now}")) } else { Ok(now) } }
        })
        .await;
        assert_eq!(value, 3);
    }

    #[tokio::test]
    async fn a_wait_in_vain_tells_the_last_state() {
        let never = within(Duration::from_millis(20), "a miracle", || async {
            Err::<(), _>("nothing yet".to_owned())
        });
        let failure = never.await.unwrap_err();
        assert!(failure.contains("a miracle") && failure.contains("nothing yet"), "{failure}");
    }

    #[tokio::test]
    async fn a_probe_that_hangs_does_not_outlive_the_deadline() {
        let hanging = within(Duration::from_millis(20), "an answer", || {
            std::future::pending::<Result<(), String>>()
        });
        assert!(hanging.await.unwrap_err().contains("still asking"));
    }
}
