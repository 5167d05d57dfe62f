use super::super::stats::Stats;
use super::super::step::Moment;
use super::*;

struct Bench {
    publisher: Publisher,
    stats: Stats,
    out: Vec<Effect>,
    tickets: u64,
}

impl Bench {
    fn new() -> Self {
        let publisher = Publisher::new(&Settings::new("p".to_owned()));
        Self { publisher, stats: Stats::default(), out: Vec::new(), tickets: 0 }
    }

    fn add(&mut self, topic: &str, bytes: usize) -> Ticket {
        self.tickets += 1;
        let publication = Box::new(Publication { data: Some(vec![b'1'; bytes].into()), ..Default::default() });
        let publish = Publish { topic: topic.to_owned(), publication: Some(publication), ..Default::default() };
        let ticket = Ticket(self.tickets);
        self.publisher.add(ticket, TopicName::parse(topic).unwrap(), publish);
        ticket
    }

    fn next(&mut self) -> Option<Ready> {
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.publisher.next(1024 * 1024, &mut step)
    }

    fn published(&mut self, ready: &Ready) {
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.publisher.published(&ready.topic, ready.ticket, Published::default(), &mut step);
    }
}

#[test]
fn topics_take_turns() {
    let mut bench = Bench::new();
    for topic in ["a", "b", "c"] {
        bench.add(topic, 1);
        bench.add(topic, 1);
    }
    let firsts: Vec<_> = std::iter::from_fn(|| bench.next()).collect();
    let topics = |ready: &[Ready]| ready.iter().map(|ready| ready.topic.to_string()).collect::<Vec<_>>();
    assert_eq!(topics(&firsts), ["a", "b", "c"]);
    firsts.iter().for_each(|ready| bench.published(ready));
    let seconds: Vec<_> = std::iter::from_fn(|| bench.next()).collect();
    assert_eq!(topics(&seconds), ["a", "b", "c"]);
    assert_eq!(bench.publisher.count(), 3);
}

/// L1: it would cost the connection, again and again.
#[test]
fn what_no_frame_can_hold_is_refused_here_and_holds_nothing_up() {
    let mut bench = Bench::new();
    let huge = bench.add("a", 1024 * 1024);
    let small = bench.add("a", 1);
    assert_eq!(bench.next().map(|ready| ready.ticket), Some(small));
    assert!(matches!(&bench.out[..], [Effect::Answer(ticket, Err(error))]
        if *ticket == huge && error.kind() == ErrorKind::TooLarge));
}

#[test]
fn what_is_on_the_wire_is_bounded_in_bytes() {
    let mut bench = Bench::new();
    for index in 0..20 {
        bench.add(&format!("t{index}"), 900 * 1024);
    }
    let sent: Vec<_> = std::iter::from_fn(|| bench.next()).collect();
    assert_eq!(sent.len(), 5, "4 MiB and what was begun below them");
    bench.published(&sent[0]);
    assert_eq!(std::iter::from_fn(|| bench.next()).count(), 1);
}

/// P9: a topic that comes back after it was forgotten must not reuse a sequence.
#[test]
fn idle_topics_are_forgotten_in_number_and_begin_above_what_they_used() {
    let mut bench = Bench::new();
    let sequence = |bench: &mut Bench, topic: &str| {
        bench.add(topic, 1);
        let ready = bench.next().expect("it is sent");
        bench.published(&ready);
        ready.publish.producer.expect("a producer").sequence
    };
    for expected in 1..=3 {
        assert_eq!(sequence(&mut bench, "a"), expected);
    }
    for index in 0..IDLE_LINES_MAX {
        sequence(&mut bench, &format!("b{index}"));
    }
    assert!(bench.publisher.lines.len() <= IDLE_LINES_MAX + 1);
    assert!(sequence(&mut bench, "a") > 3);
}

/// L1: the estimate may be too high, never too low.
#[test]
fn the_size_of_a_publish_is_never_underestimated() {
    for encoding in Encoding::ALL {
        for data in ["1".repeat(10), "\u{1}".repeat(9_000), "ü".repeat(40_000)] {
            let json = serde_json::to_vec(&data).unwrap();
            let publication = Box::new(Publication { data: Some(json.into()), key: Some(data), ..Default::default() });
            let producer = Some(Producer { id: "p".repeat(40), sequence: 9 });
            let publish =
                Publish { topic: "t".repeat(255), publication: Some(publication), producer, ..Default::default() };
            let mut out = Vec::new();
            fanfare_protocol::encode(encoding, 5, &Message::Publish(publish.clone()), &mut out);
            assert!(out.len() <= frame_bytes(encoding, &publish));
        }
    }
}
