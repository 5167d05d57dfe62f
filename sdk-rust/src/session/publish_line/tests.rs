use std::time::Duration;

use fanfare_protocol::Error as WireError;

use super::*;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };

/// A line with so many publications waiting.
fn line(count: u64) -> PublishLine {
    let mut line = PublishLine::new("p".to_owned(), 1);
    (1..=count).for_each(|ticket| line.add(Ticket(ticket), Publish::default(), 10));
    line
}

/// A line that its topic knows, with so many more waiting behind the first.
fn known(count: u64) -> PublishLine {
    let mut line = line(count + 1);
    assert_eq!(send_all(&mut line, 0), [(1, "p.0".to_owned(), 1)]);
    assert!(line.published(Duration::ZERO, Ticket(1)));
    line
}

/// All that may be sent: ticket, producer, sequence.
fn send_all(line: &mut PublishLine, now_ms: u64) -> Vec<(u64, String, u64)> {
    let now = Duration::from_millis(now_ms);
    std::iter::from_fn(|| {
        let (ticket, _) = line.peek(now)?;
        let (publish, _) = line.send(now)?;
        let producer = publish.producer?;
        Some((ticket.0, producer.id, producer.sequence))
    })
    .collect()
}

fn refuse(line: &mut PublishLine, ticket: u64, error: WireError) -> Option<(Ticket, Error)> {
    let error = Error::from(error);
    line.refused(Moment::at_ms(0), Ticket(ticket), error.class(), &error, BACKOFF)
}

fn out_of_sequence(expected: u64) -> WireError {
    WireError::of(Code::OutOfSequence).with_expected(expected)
}

fn align(line: &mut PublishLine) -> Vec<Ticket> {
    line.align(Moment::at_ms(0), BACKOFF).into_iter().map(|(ticket, _)| ticket).collect()
}

/// P9.
#[test]
fn the_first_goes_alone_and_the_others_in_a_burst() {
    let mut line = known(200);
    assert_eq!(send_all(&mut line, 1).len(), 128);
    assert!(line.published(Duration::from_millis(2), Ticket(2)));
    assert_eq!(send_all(&mut line, 3), [(130, "p.0".to_owned(), 130)]);
}

#[test]
fn after_a_silence_the_topic_may_have_forgotten_and_the_first_goes_alone_again() {
    let mut line = known(5);
    assert_eq!(send_all(&mut line, 60_000), [(2, "p.0".to_owned(), 2)]);
}

#[test]
fn what_was_in_flight_is_repeated_under_the_same_sequences() {
    let mut line = known(3);
    let sent = send_all(&mut line, 1);
    line.lost();
    assert_eq!(send_all(&mut line, 2), sent[..1]);
    assert!(line.published(Duration::from_millis(3), Ticket(2)));
    assert_eq!(send_all(&mut line, 3), sent[1..]);
}

/// P14: a refusal that uses up no sequence leaves a hole, which those behind are told of.
#[test]
fn those_behind_a_hole_move_up() {
    let mut line = known(3);
    send_all(&mut line, 1);
    let (ticket, error) = refuse(&mut line, 2, WireError::of(Code::PublicationTooLarge)).expect("it is over");
    assert!(ticket == Ticket(2) && !error.may_have_taken_effect());
    assert_eq!(refuse(&mut line, 3, out_of_sequence(2)), None);
    assert_eq!(align(&mut line), []);
    assert_eq!(send_all(&mut line, 1), [], "the fourth is still in flight");
    assert_eq!(refuse(&mut line, 4, out_of_sequence(2)), None);
    assert_eq!(align(&mut line), []);
    assert_eq!(send_all(&mut line, 1), [(3, "p.0".to_owned(), 2), (4, "p.0".to_owned(), 3)]);
}

/// P9, P14: an older connection may still bring its copies, which are safe under their own numbers only.
#[test]
fn behind_a_hole_a_line_with_strays_keeps_its_numbers_and_plugs_fill_the_hole() {
    let mut line = known(4);
    send_all(&mut line, 1);
    line.lost();
    for ticket in [2, 3] {
        assert_eq!(
            send_all(&mut line, 2),
            [(ticket, "p.0".to_owned(), ticket)],
            "what the topic may not know goes alone"
        );
        let (_, error) = refuse(&mut line, ticket, WireError::of(Code::PublicationTooLarge)).expect("it is over");
        assert!(error.may_have_taken_effect(), "nobody knows about the first copy");
    }
    send_all(&mut line, 2);
    assert_eq!(refuse(&mut line, 4, out_of_sequence(2)), None);
    assert_eq!(align(&mut line), []);
    // What the plug got first is what the topic knew of it, or it was the stray that came first.
    for (sequence, code) in [(2, Code::VersionConflict), (3, Code::IdempotencyMismatch)] {
        let plug = Ticket::own(sequence).0;
        assert_eq!(send_all(&mut line, 2), [(plug, "p.0".to_owned(), sequence)]);
        assert_eq!(refuse(&mut line, plug, WireError::of(code)), None);
    }
    assert_eq!(send_all(&mut line, 2), [(4, "p.0".to_owned(), 4)]);
    assert!(line.published(Duration::ZERO, Ticket(4)));
    assert_eq!(send_all(&mut line, 2), [(5, "p.0".to_owned(), 5)]);
}

#[test]
fn a_plug_of_a_line_is_told_to_nobody() {
    let plugged = || {
        let mut line = known(2);
        send_all(&mut line, 1);
        line.lost();
        line.remove(Ticket(2));
        send_all(&mut line, 2);
        assert_eq!(refuse(&mut line, 3, out_of_sequence(2)), None);
        assert_eq!(align(&mut line), []);
        let plug = Ticket::own(2);
        assert_eq!(send_all(&mut line, 2), [(plug.0, "p.0".to_owned(), 2)]);
        (line, plug)
    };
    let (mut line, plug) = plugged();
    assert!(!line.published(Duration::ZERO, plug));
    let (mut line, _) = plugged();
    assert_eq!(line.expire(Duration::from_secs(1)).len(), 1);
    assert!(line.is_empty());
    let (mut line, _) = plugged();
    assert_eq!(line.drain(&timeout()).count(), 1);
    let (mut line, plug) = plugged();
    assert_eq!(refuse(&mut line, plug.0, out_of_sequence(3)), None);
    assert_eq!(align(&mut line), [], "somebody else filled the hole");
    assert_eq!(send_all(&mut line, 2), [(3, "p.0".to_owned(), 3)]);
}

/// A topic that was set back by far: there is more to fill than may ever have been in flight.
#[test]
fn behind_a_chasm_a_line_goes_on_under_another_producer_without_what_may_be_stored() {
    let mut line = PublishLine::new("p".to_owned(), 1_000);
    (1..=3).for_each(|ticket| line.add(Ticket(ticket), Publish::default(), 10));
    assert!(!line.published(Duration::ZERO, Ticket(0)), "the answer to one before them");
    assert_eq!(send_all(&mut line, 1).len(), 3);
    line.lost();
    line.add(Ticket(4), Publish::default(), 10);
    assert_eq!(send_all(&mut line, 2), [(1, "p.0".to_owned(), 1_000)]);
    assert_eq!(refuse(&mut line, 1, out_of_sequence(9)), None);
    let lost = line.align(Moment::at_ms(2), BACKOFF);
    assert_eq!(lost.iter().map(|(ticket, _)| ticket.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(lost.iter().all(|(_, error)| error.may_have_taken_effect()));
    assert_eq!(send_all(&mut line, 2), [(4, "p.1".to_owned(), 9)]);
}

#[test]
fn what_the_topic_passed_over_is_given_up_if_it_may_have_been_stored() {
    let mut line = known(2);
    send_all(&mut line, 1);
    line.lost();
    send_all(&mut line, 2);
    assert_eq!(refuse(&mut line, 2, out_of_sequence(9)), None);
    let lost = line.align(Moment::at_ms(2), BACKOFF);
    assert_eq!(lost.len(), 2);
    assert!(lost.iter().all(|(_, error)| error.kind() == ErrorKind::Timeout && error.may_have_taken_effect()));
    assert!(line.is_empty());
}

/// X3: class `wait`.
#[test]
fn a_refusal_for_now_holds_the_line_for_as_long_as_the_node_asks() {
    let mut line = known(2);
    let sent = send_all(&mut line, 1);
    assert_eq!(refuse(&mut line, 2, WireError::of(Code::Overloaded).with_retry_after_ms(500)), None);
    assert_eq!(refuse(&mut line, 3, out_of_sequence(2)), None);
    assert_eq!(align(&mut line), []);
    assert_eq!(send_all(&mut line, 499), []);
    assert_eq!(line.not_before(), Duration::from_millis(550), "half of the backoff comes on top");
    assert_eq!(send_all(&mut line, 550), sent);
}

#[test]
fn what_gets_no_answer_in_time_is_told_with_what_is_known_about_it() {
    let mut line = known(3);
    send_all(&mut line, 1);
    assert_eq!(refuse(&mut line, 3, WireError::of(Code::Overloaded)), None);
    assert!(line.expire(Duration::ZERO).is_empty());
    let expired: Vec<_> =
        line.expire(Duration::from_millis(1)).into_iter().map(|(ticket, error)| (ticket.0, error.code())).collect();
    assert_eq!(expired, [(2, None), (3, Some(Code::Overloaded)), (4, None)]);
    assert!(line.is_empty());
    assert_eq!(line.in_flight_bytes(), 0);
}
