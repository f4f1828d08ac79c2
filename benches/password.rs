//! What a password costs: one hash, and checks against hashes of several kinds.
//!
//! The last two, less what they are padded with, tell how many of argon2's blocks one of bcrypt's
//! rounds is worth: by that a check against a cheap bcrypt hash is made as long as any other.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement of what fails measures nothing"
)]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::accounts::{Hashing, Memory, Password};
use doorward::auth::PasswordHash;

fn password(criterion: &mut Criterion) {
    let (hashing, mut memory) = (Hashing::default(), Memory::new());
    let password = Password::parse("correct horse battery staple".to_owned()).unwrap();
    let mut group = criterion.benchmark_group("password");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(5));
    group.bench_function("hash", |bencher| {
        bencher.iter(|| hashing.hash(black_box(&password), &mut memory).unwrap());
    });
    let own = hashing.hash(&password, &mut memory).unwrap();
    let cheap = Hashing::new(4096, 1, 1).unwrap();
    let cheap = cheap.hash(&password, &mut memory).unwrap();
    let bcrypt = |cost: u32| {
        let text = bcrypt::hash_with_salt(password.expose(), cost, [7; 16]).unwrap();
        PasswordHash::new(text.to_string())
    };
    let (cost_5, cost_10, cost_12) = (bcrypt(5), bcrypt(10), bcrypt(12));
    for (name, stored) in [
        ("nobody's", None),
        ("as configured", Some(&own)),
        ("cheaper parameters", Some(&cheap)),
        ("bcrypt of cost 5", Some(&cost_5)),
        ("bcrypt of cost 10", Some(&cost_10)),
        ("bcrypt of cost 12", Some(&cost_12)),
    ] {
        group.bench_function(format!("check, {name}"), |bencher| {
            bencher.iter(|| hashing.verify(black_box(&password), stored, &mut memory));
        });
    }
    group.finish();
}

criterion_group!(benches, password);
criterion_main!(benches);
