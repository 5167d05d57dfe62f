//! What a publication costs the allocator, counted: the same whether a hundred or two thousand follow its topic.
//!
//! The engine runs in this process, under an allocator that counts what all threads do. Its clients are blocking
//! sockets with buffers on the stack of the one test, which therefore counts as nothing. A test target of its own,
//! because any other test in the process would be counted too.

mod in_process;

use std::alloc::System;
use std::net::SocketAddr;

use in_process::Client;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FEW: usize = 100;
const MANY: usize = 2_000;

/// Publications that let buffers grow to their size before anything is counted.
const WARMING: usize = 50;
const COUNTED: usize = 100;

/// What may differ for a publication: buffers that happen to grow within the count, timers that fire in it. One
/// allocation for each subscriber would be a difference of 1,900.
const ALLOCATIONS_MAX: f64 = 2.0;
const BYTES_MAX: f64 = 512.0;

/// What the process asked of the allocator for each publication, with so many subscribers.
struct Cost {
    allocations: f64,
    bytes: f64,
}

impl Cost {
    fn of(change: Stats, publications: usize) -> Self {
        let each = |count: usize| count as f64 / publications as f64;
        Self { allocations: each(change.allocations + change.reallocations), bytes: each(change.bytes_allocated) }
    }
}

/// Publishes to `count` subscribers, one publication after the other has reached them all.
fn measure(address: SocketAddr, count: usize) -> Cost {
    let opening = Region::new(COUNTING);
    let subscribe = format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"chat:of-{count}","from":"latest"}}}}"#);
    let mut subscribers: Vec<_> = (0..count)
        .map(|_| {
            let mut client = Client::connect(address);
            client.say(subscribe.as_bytes());
            client.hear(b"SUBSCRIBED");
            client
        })
        .collect();
    let opened = opening.change();
    assert!(opened.allocations > count, "what other threads allocate is counted: {opened:?}");

    let mut publisher = Client::connect(address);
    let publications: Vec<_> = (0..WARMING + COUNTED)
        .map(|n| {
            let request = format!(
                r#"{{"type":"PUBLISH","id":7,"payload":{{"topic":"chat:of-{count}","data":{{"n":"{n:05}"}}}}}}"#
            );
            (request, format!(r#""data":{{"n":"{n:05}"}}"#))
        })
        .collect();
    let mut publish = |(request, data): &(String, String)| {
        publisher.say(request.as_bytes());
        publisher.hear(b"PUBLISHED");
        for subscriber in &mut subscribers {
            subscriber.hear(data.as_bytes());
        }
    };
    publications[..WARMING].iter().for_each(&mut publish);
    let region = Region::new(COUNTING);
    publications[WARMING..].iter().for_each(&mut publish);
    Cost::of(region.change(), COUNTED)
}

/// Allocations of a publication do not depend on the number of subscribers.
#[test]
fn a_publication_allocates_the_same_for_a_hundred_and_for_two_thousand() {
    rlimit::increase_nofile_limit(16_384).expect("the limit of open files can be raised");
    let address = in_process::start("allocations", 2);
    let few = measure(address, FEW);
    let many = measure(address, MANY);
    for (count, cost) in [(FEW, &few), (MANY, &many)] {
        println!("{count} subscribers: {:.2} allocations, {:.0} bytes a publication", cost.allocations, cost.bytes);
    }
    assert!(few.allocations > 0.0, "a publication is stored and encoded, so the count is not of nothing");
    let allocations = many.allocations - few.allocations;
    let bytes = many.bytes - few.bytes;
    assert!(allocations.abs() <= ALLOCATIONS_MAX, "{allocations:.2} allocations more a publication");
    assert!(bytes.abs() <= BYTES_MAX, "{bytes:.0} bytes more a publication");
}
