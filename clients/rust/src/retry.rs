use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::endpoint::{Call, Endpoint, Failure};
use crate::error::Error;
use crate::random;
use crate::request::Answer;

/// The longest random wait.
const LONGEST: f64 = 2.0;

/// Endpoints, the one that answered last, and how often to try them.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) all: Vec<Endpoint>,
    pub(crate) retries: u32,
    /// Where the next call begins.
    preferred: AtomicUsize,
}

/// How an attempt ended that gave no answer.
struct Attempt {
    error: Error,
    again: bool,
    /// How long the daemon asks to be left alone.
    retry_after: Duration,
}

impl Endpoints {
    pub(crate) fn new(all: Vec<Endpoint>, retries: u32) -> Self {
        Endpoints { all, retries, preferred: AtomicUsize::new(0) }
    }

    /// Asks one endpoint after the other, round after round; the answer, whose status is that of success.
    pub(crate) fn call(&self, call: &Call) -> Result<Answer, Error> {
        let count = self.all.len();
        let first = self.preferred.load(Ordering::Relaxed);
        let (mut attempt, mut asked_to_wait) = (0, Duration::ZERO);
        loop {
            let at = (first + attempt) % count;
            let failed = match self.attempt(at, call) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if !failed.again || attempt >= self.retries as usize {
                return Err(failed.error);
            }
            asked_to_wait = asked_to_wait.max(failed.retry_after);
            attempt += 1;
            if attempt % count == 0 {
                let wait = wait(attempt / count, random::unit()).max(asked_to_wait);
                if call.deadline.left().is_some_and(|left| left <= wait) {
                    return Err(failed.error);
                }
                thread::sleep(wait);
                asked_to_wait = Duration::ZERO;
            }
        }
    }

    fn attempt(&self, at: usize, call: &Call) -> Result<Answer, Attempt> {
        let answer = self.all[at].send(call).map_err(|failure| self.failed(at, failure, call.id))?;
        let busy = matches!(answer.status, 429 | 503);
        let error = match answer.status {
            200..=299 => None,
            _ => Some(Error::problem(&answer)),
        };
        let theirs = error.as_ref().is_none_or(|error| error.kind() != Error::UNEXPECTED_ANSWER);
        if theirs && !busy {
            self.preferred.store(at, Ordering::Relaxed);
        }
        let Some(error) = error else { return Ok(answer) };
        let retry_after = Duration::from_secs(answer.retry_after.unwrap_or(0));
        Err(Attempt { error, again: busy, retry_after })
    }

    fn failed(&self, at: usize, failure: Failure, id: &str) -> Attempt {
        let name = self.all[at].name();
        let (error, again) = match failure {
            Failure::Broken(cause) => (Error::unreachable(format!("{name}: {cause}"), id, cause), true),
            Failure::Untrusted(cause) => (Error::unreachable(format!("{name}: {cause}"), id, cause), false),
            Failure::TimedOut => (Error::timeout(id), false),
            Failure::Odd(cause) => (Error::unexpected(0, format!("{name}: {cause}"), id), false),
            Failure::Impossible(cause) => (Error::impossible(cause.to_string(), id), false),
        };
        Attempt { error, again, retry_after: Duration::ZERO }
    }
}

/// The random wait before a round, counted from 0: at most 0.1 s · 2^round, and two seconds.
fn wait(round: usize, random: f64) -> Duration {
    let exponent = i32::try_from(round).unwrap_or(i32::MAX);
    Duration::from_secs_f64(random * (0.1 * 2_f64.powi(exponent)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_two_seconds() {
        let longest = [1, 2, 3, 4, 5, 6, 1 << 40].map(|round| wait(round, 1.0).as_secs_f64());
        assert_eq!(longest, [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]);
        assert_eq!(wait(3, 0.0), Duration::ZERO);
        assert_eq!(wait(3, 0.5).as_secs_f64(), 0.4);
    }
}
