//! What a check costs: one bucket, one of a million keys, and a service's limits together.

#![allow(clippy::expect_used, missing_docs, reason = "a bench fails loudly")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hither_limit::{
    Gcra, KeyPart, KeySeed, KeyedGcra, LimitSpec, Limiter, Quota, Rate, Subject, Value,
};

/// One unit per second and key.
const SLOW: Rate = Rate { units: NonZeroU32::MIN, per: Duration::from_secs(1) };

fn addresses(count: usize) -> Vec<IpAddr> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..count).map(|_| Ipv6Addr::from_bits(rng.u128(..)).into()).collect()
}

fn direct(criterion: &mut Criterion) {
    let quota =
        Quota::new(Rate { units: NonZeroU32::MAX, per: Duration::from_secs(1) }, NonZeroU32::MAX);
    let bucket = Gcra::new();
    let mut now = 0;
    criterion.bench_function("direct", |bencher| {
        bencher.iter(|| {
            now += 100;
            black_box(bucket.check(&quota, now, 1))
        });
    });
}

fn keyed(criterion: &mut Criterion) {
    let burst = NonZeroU32::MAX;
    let quota = Quota::new(SLOW, burst);
    let seed = KeySeed::new([7; 16]);
    for count in [1_000, 1_000_000] {
        let table = KeyedGcra::new(count);
        let addresses = addresses(count);
        for address in &addresses {
            assert!(table.check(&quota, &seed.client(*address), 0, 1).allowed);
        }
        // In their order, which is random to the table: a request has its client's address at hand.
        let mut turn = addresses.iter().cycle();
        criterion.bench_function(&format!("keyed/{count}"), |bencher| {
            bencher.iter(|| {
                let key = seed.client(*turn.next().expect("a cycle"));
                black_box(table.check(&quota, &key, 1, 1))
            });
        });
    }
}

/// One read of as much memory as a million keys take, each from where the one before says: what a check at that
/// size cannot be quicker than on this machine.
fn memory(criterion: &mut Criterion) {
    /// A cache line.
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Line(usize);

    let mut order: Vec<usize> = (0..(24 << 20) / size_of::<Line>()).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let mut lines = vec![Line(0); order.len()];
    for (here, next) in order.iter().zip(order.iter().cycle().skip(1)) {
        lines[*here] = Line(*next);
    }
    let mut place = 0;
    criterion.bench_function("one_read_of_24_mib", |bencher| {
        bencher.iter(|| {
            place = lines[place].0;
            place
        });
    });
}

/// A request with values of usual lengths.
struct Asked(IpAddr);

impl Subject for Asked {
    fn client(&self) -> IpAddr {
        self.0
    }

    fn value(&self, part: &KeyPart, with: &mut dyn FnMut(Value<'_>)) {
        with(Value::One(match part {
            KeyPart::Path => b"/api/v1/orders/184467",
            _ => b"3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        }));
    }
}

fn service(criterion: &mut Criterion) {
    let spec = |name: &str, key: &[KeyPart]| LimitSpec {
        name: name.into(),
        key: key.to_vec(),
        rate: SLOW,
        burst: NonZeroU32::MAX,
        shadow: false,
    };
    let subject = Asked("192.0.2.1".parse().expect("an address"));
    let list = [KeyPart::ClientAddress, KeyPart::Header("x-api-key".into()), KeyPart::Path];
    for (name, specs) in [
        ("service_and_client", vec![spec("all", &[]), spec("each", &[KeyPart::ClientAddress])]),
        ("list_of_three", vec![spec("list", &list)]),
    ] {
        let limiter = Limiter::new(specs, KeySeed::new([7; 16])).expect("different names");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| black_box(limiter.check(&subject, 1, 1)));
        });
    }
}

criterion_group!(benches, direct, memory, keyed, service);
criterion_main!(benches);
