//! Whether the time of a refusal tells how nearly right a secret was: decisions about credentials that
//! differ from a good one in one place and in all, in turn, and what a t-test says of them.

#![expect(
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot be set up has nothing to measure; its figures are rough"
)]

#[path = "harness/gate.rs"]
mod gate;

use std::{hint::black_box, time::Instant};

use doorward::auth::{Decision, Gate, Memo};
use gate::{NOW, gate, head, key, token};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measurements of each kind, and decisions in each.
const MEASUREMENTS: usize = 20_000;
const DECISIONS: usize = 16;

/// Beyond it, a difference is taken for one (the threshold that is usual for such tests).
const THRESHOLD: f64 = 4.5;

fn main() {
    let gate = gate(10_000);
    let (key, token) = (key(7), token());
    let holds = [
        ("a key, wrong in one place or in all", near_and_far(&key, 3)),
        ("a signature, wrong in one place or in all", {
            let signature = token.rfind('.').expect("a token") + 1;
            near_and_far(&token, signature)
        }),
    ]
    .map(|(name, credentials)| compare(name, &gate, &credentials));
    let passed = holds.iter().filter(|holds| **holds).count();
    println!("{passed} passed, {} failed", holds.len() - passed);
    std::process::exit(i32::from(passed < holds.len()));
}

/// Credentials with one wrong byte near their end, and such that are wrong in all but the first `kept`
/// bytes. Many of each, since where a wrong one falls in a table has a time of its own.
fn near_and_far(good: &str, kept: usize) -> [Vec<String>; 2] {
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    let digits = b'a'..=b'z';
    let near = |back: usize, byte: u8| {
        let mut bytes = good.as_bytes().to_vec();
        let at = bytes.len() - back;
        *bytes.get_mut(at).expect("a place") = byte;
        (bytes != good.as_bytes()).then(|| text(bytes))
    };
    let mut state = 1_u32;
    let mut far = || {
        let (beginning, rest) = good.as_bytes().split_at(kept);
        let (last, rest) = rest.split_last().expect("a credential");
        let wrong = rest.iter().map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + u8::try_from((state >> 24) % 26).unwrap_or_default()
        });
        // What is no base64 is refused at once, and of the last character not every bit may be set.
        text(
            beginning
                .iter()
                .copied()
                .chain(wrong)
                .chain([*last])
                .collect(),
        )
    };
    let backs = 2..10;
    let near = backs.flat_map(|back| digits.clone().filter_map(move |byte| near(back, byte)));
    [near.collect(), (0..200).map(|_| far()).collect()]
}

fn compare(name: &str, gate: &Gate, credentials: &[Vec<String>; 2]) -> bool {
    let mut memo = Memo::new(16_384);
    let mut times = [Vec::new(), Vec::new()];
    let mut state = 1_u32;
    for _ in 0..MEASUREMENTS * 2 {
        // At random, so that nothing that comes and goes meets one kind more often.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let kind = usize::from(state >> 31 == 1);
        let of_kind = credentials.get(kind).expect("two kinds");
        let credential = of_kind
            .get((state >> 8) as usize % of_kind.len())
            .expect("credentials");
        let heads: Vec<_> = (0..DECISIONS).map(|_| head(credential)).collect();
        let begun = Instant::now();
        for head in heads {
            let decision = gate.admit(head, &mut memo, NOW);
            assert!(matches!(black_box(&decision), Decision::Deny(_)));
        }
        let taken = begun.elapsed().as_nanos() as f64 / DECISIONS as f64;
        times.get_mut(kind).expect("two kinds").push(taken);
    }
    let [near, far] = times.map(Sample::of);
    let t = near.t(&far);
    let ratio = near.median / far.median;
    let holds = t.abs() < THRESHOLD;
    println!(
        "{name}: {:.0} ns and {:.0} ns (ratio {ratio:.4}), t = {t:.2} (bar: below {THRESHOLD}) {}",
        near.median,
        far.median,
        if holds { "PASS" } else { "FAIL" }
    );
    holds
}

/// Times without their upper tenth, which interruptions make.
struct Sample {
    count: f64,
    median: f64,
    mean: f64,
    variance: f64,
}

impl Sample {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let squares = times.iter().map(|time| (time - mean).powi(2));
        Self {
            count,
            median: times.get(times.len() / 2).copied().expect("times"),
            mean,
            variance: squares.sum::<f64>() / (count - 1.0),
        }
    }

    /// Welch's t.
    fn t(&self, other: &Self) -> f64 {
        let error = self.variance / self.count + other.variance / other.count;
        (self.mean - other.mean) / error.sqrt()
    }
}
