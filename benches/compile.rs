//! How long it takes from a file's text to a snapshot, by the number of declared keys.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use doorward::auth::KeyDigest;
use doorward::clock::Timestamp;
use doorward::config::{Environment, Written};
use doorward::snapshot::compile::{Context, ProcessKeys, compile};
use doorward::snapshot::{Generation, Materials};

/// As in the program itself.
/// A file of this many `[[key]]` blocks, as `doorward key create` prints them.
fn file_of(keys: u32) -> String {
    let mut text = "[backend]\nurl = \"http://127.0.0.1:1865\"\n".to_owned();
    for number in 0..keys {
        let digest = KeyDigest::of(&number.to_be_bytes());
        let _ = write!(
            text,
            "\n[[key]]\nid = \"key-{number}\"\nsha256 = \"{digest}\"\nuser = \"user-{number}\"\n\
             permissions = [\"CONVERSATION:WRITE\"]\n"
        );
    }
    text
}

fn declared_keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("declared_keys");
    group.sample_size(10);
    let keys = ProcessKeys::new().expect("randomness");
    let context = Context {
        generation: Generation(1),
        now: Timestamp::from_secs(0),
        keys: &keys,
        store: &doorward::auth::Known::NotYet,
    };
    let (environment, materials) = (Environment::default(), Materials::default());
    for keys in [1_000, 100_000] {
        let text = file_of(keys);
        let read = |text| Written::from_file("doorward.toml", text, &environment);
        group.bench_function(BenchmarkId::new("read", keys), |bencher| {
            bencher.iter_batched(|| text.clone(), read, BatchSize::PerIteration);
        });
        let written = read(text.clone());
        assert!(written.is_sound());
        let changed = text.replacen(&format!("key-{}", keys / 2), "another", 1);
        let again = |text| written.reread(text, &environment);
        assert_eq!(again(changed.clone()).config, read(changed.clone()).config);
        group.bench_function(BenchmarkId::new("read_again", keys), |bencher| {
            bencher.iter_batched(|| changed.clone(), again, BatchSize::PerIteration);
        });
        group.bench_function(BenchmarkId::new("compile", keys), |bencher| {
            bencher.iter_with_large_drop(|| {
                let compiled = compile(black_box(&written.config), &materials, &context);
                compiled.expect("a valid configuration")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, declared_keys);
criterion_main!(benches);
