//! What one line of the access log costs a request: at most a microsecond.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::clock::Timestamp;
use doorward::telemetry::LogFormat;
use doorward::telemetry::access_log::{AccessLog, Path, Record};
use doorward::telemetry::metrics::Metrics;
use doorward::telemetry::writer::LogSink;

fn access_log(criterion: &mut Criterion) {
    let record = Record {
        time: Timestamp::from_millis(1_795_376_086_123),
        request_id: "019ab3d2-5c1e-7c43-9d0a-3f1f4c1f9a55",
        peer: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        protocol: "h1",
        method: "POST",
        path: Path::of("/message"),
        status: 200,
        user: Some("alice"),
        credential: Some("web"),
        rule: Some("/message"),
        reason: None,
        duration: Duration::from_micros(12_034),
        upstream_duration: Some(Duration::from_micros(11_502)),
        bytes_sent: 512,
        bytes_received: 34,
    };
    for (name, format) in [("json", LogFormat::Json), ("text", LogFormat::Text)] {
        let log = AccessLog::new(LogSink::new(std::io::sink()), format);
        criterion.bench_function(&format!("access line, {name}"), |bencher| {
            bencher.iter(|| log.record(black_box(&record)));
        });
    }
}

fn counting(criterion: &mut Criterion) {
    let worker = Metrics::new(1).worker(0);
    criterion.bench_function("count a request", |bencher| {
        bencher.iter(|| worker.request(black_box(200), black_box(Duration::from_micros(12_034))));
    });
}

criterion_group!(benches, access_log, counting);
criterion_main!(benches);
