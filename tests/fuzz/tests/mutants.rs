//! Every fuzz target on mutated seeds: less than a fuzzer finds, but on every machine and each time.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::time::{Duration, Instant};

use fastrand::Rng;
use hither_fuzz::{components, configurations, mutant, verdicts};

/// No longer than this, however slow the machine is.
const TIME: Duration = Duration::from_secs(10);

fn survives(seeds: &[Vec<u8>], rounds: usize, check: fn(&[u8])) {
    seeds.iter().for_each(|seed| check(seed));
    let begin = Instant::now();
    let mut rng = Rng::with_seed(4);
    for round in 0..rounds {
        let bytes = mutant(seeds, &mut rng);
        if std::panic::catch_unwind(|| check(&bytes)).is_err() {
            panic!("round {round} breaks a promise: {:?}", bytes.escape_ascii().to_string());
        }
        if begin.elapsed() > TIME {
            break;
        }
    }
}

#[test]
fn a_damaged_component_is_refused_in_words() {
    survives(&components::seeds(), 2_000, components::check);
}

#[test]
fn whatever_a_guest_says_of_a_message_leaves_it_well_formed() {
    survives(&verdicts::seeds(), 20_000, verdicts::check);
}

#[test]
fn a_damaged_configuration_of_a_plugin_is_told_with_its_place() {
    survives(&configurations::seeds(), 5_000, configurations::check);
}
