//! What one decision of the gate costs: a token whose signature is remembered, of an issuer or of
//! ours, a declared key, and keys at random among few and among many, whose requests and entries are
//! in no cache.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

#[path = "harness/gate.rs"]
mod gate;
#[path = "harness/store.rs"]
mod store;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::auth::{Decision, Gate, Memo};
use gate::{NOW, gate, head, key, token};
use http::request::Parts;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The decision is handed back, so that dropping it isn't measured: the head goes on upstream.
fn admit(gate: &Gate, head: Parts, memo: &mut Memo) -> Decision {
    let decision = gate.admit(head, memo, NOW);
    assert!(matches!(black_box(&decision), Decision::Admit(_)));
    decision
}

fn benches(criterion: &mut Criterion) {
    let mut memo = Memo::new(16_384);
    // As many heads as a busy worker has in its hands, which its cache can hold.
    let batch = criterion::BatchSize::NumIterations(64);
    let small = gate(10_000);
    criterion.bench_function("admit/remembered token", |bencher| {
        let token = token();
        bencher.iter_batched(
            || head(&token),
            |head| admit(&small, head, &mut memo),
            batch,
        );
    });
    criterion.bench_function("admit/a key", |bencher| {
        let key = key(7);
        bencher.iter_batched(|| head(&key), |head| admit(&small, head, &mut memo), batch);
    });
    drop(small);
    let (stored, token) = store::gate_and_token();
    criterion.bench_function("admit/remembered token of ours", |bencher| {
        bencher.iter_batched(
            || head(&token),
            |head| admit(&stored, head, &mut memo),
            batch,
        );
    });
    drop(stored);
    for (name, count) in [("10,000", 10_000), ("1,000,000", 1_000_000)] {
        let gate = std::cell::LazyCell::new(|| gate(count));
        criterion.bench_function(&format!("admit/a key of {name}, at random"), |bencher| {
            // Distinct heads made in advance, so that no key is in a cache by having been made.
            let mut state = 1_u32;
            let mut random = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                head(&key((state >> 8) % count))
            };
            let large = criterion::BatchSize::NumIterations(2_000);
            bencher.iter_batched(&mut random, |head| admit(&gate, head, &mut memo), large);
        });
    }
}

criterion_group! {
    name = group;
    config = Criterion::default().sample_size(40).measurement_time(Duration::from_secs(4));
    targets = benches
}
criterion_main!(group);
