//! The session against a model of the other side, over lines that break, lose, repeat and delay, with readers that do
//! not read, nodes that refuse, forget and begin anew. Whatever happens, once it has calmed down every publication was
//! delivered once and in order, or the reader was told that it was not.

mod model;
mod world;

use fanfare_protocol::{Code, Incoming, Message, MessageType};
use proptest::prelude::*;

use super::*;
use crate::session::{ConnectionState, Start};
use model::Mischief;
use world::{Action, View, World};

/// Topics of the model: `s…` are of the kind `state`.
const TOPICS: [&str; 3] = ["chat:a", "chat:b", "s:keys"];

fn mischief() -> impl Strategy<Value = Mischief> {
    prop_oneof![
        Just(Mischief::RefuseBefore(Code::Overloaded)),
        Just(Mischief::RefuseBefore(Code::PublicationTooLarge)),
        Just(Mischief::RefuseBefore(Code::Unavailable)),
        Just(Mischief::RefuseFinally(Code::VersionConflict)),
        Just(Mischief::StoreAndFail),
    ]
}

fn view() -> impl Strategy<Value = View> {
    let fields = prop_oneof![Just(""), Just("a"), Just("b")];
    let interval_ms = prop_oneof![2 => Just(None), 1 => Just(Some(50))];
    (fields, interval_ms, any::<bool>(), proptest::bool::weighted(0.1))
        .prop_map(|(fields, interval_ms, has_delta, is_bad)| View { fields, interval_ms, has_delta, is_bad })
}

fn action() -> impl Strategy<Value = Action> {
    let topic = || (0..TOPICS.len()).prop_map(|index| TOPICS[index]);
    let start = || prop_oneof![Just(Start::Snapshot), Just(Start::Beginning), Just(Start::Latest)];
    let good = view().prop_map(|view| View { is_bad: false, ..view });
    prop_oneof![
        12 => topic().prop_map(Action::Publish),
        6 => topic().prop_map(Action::PublishElsewhere),
        3 => (topic(), start()).prop_map(|(topic, start)| Action::Watch(topic, start)),
        3 => (topic(), start(), good, 0_u64..8).prop_map(|(topic, start, view, credit)| {
            Action::WatchAs(topic, start, view, credit)
        }),
        4 => (0_usize..8, view()).prop_map(|(index, view)| Action::Update(index, view)),
        1 => (0_usize..8).prop_map(Action::Unwatch),
        12 => (1_usize..6).prop_map(Action::ToNode),
        12 => (1_usize..6).prop_map(Action::ToClient),
        6 => Just(Action::Spread),
        8 => (0_usize..8).prop_map(Action::Read),
        8 => (1_u64..2_000).prop_map(Action::Pass),
        2 => Just(Action::Cut),
        2 => Just(Action::CutLate),
        2 => Just(Action::Stray),
        2 => Just(Action::LoseFrame),
        2 => Just(Action::RepeatFrame),
        2 => Just(Action::SwapAnswers),
        2 => mischief().prop_map(Action::Mischief),
        1 => topic().prop_map(Action::Recreate),
        1 => topic().prop_map(Action::Trim),
        1 => topic().prop_map(Action::ForgetProducers),
        1 => Just(Action::Goaway),
        1 => Just(Action::EndView),
    ]
}

/// What matters to one line of publications, in the company that makes it matter: bursts, cuts that leave copies on
/// their way, refusals of what is repeated.
fn publishing() -> impl Strategy<Value = Vec<Action>> {
    let refused = mischief().prop_map(|mischief| vec![Action::CutLate, Action::Mischief(mischief), Action::Pass(200)]);
    prop_oneof![
        4 => (1_usize..6).prop_map(|count| vec![Action::Publish(TOPICS[0]); count]),
        8 => (1_usize..4, 1_usize..4).prop_map(|(to, from)| vec![Action::ToNode(to), Action::ToClient(from)]),
        2 => refused,
        1 => mischief().prop_map(|mischief| vec![Action::Mischief(mischief)]),
        2 => (1_usize..9).prop_map(|count| vec![Action::Stray; count]),
    ]
}

fn play(actions: Vec<Action>, seed: u64) {
    let mut world = World::new(seed);
    for action in actions {
        world.act(action);
    }
    world.calm_down();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Order, no loss, no duplicates, exact resume and told gaps, as far as they are the client's part.
    #[test]
    fn whatever_happens_each_publication_comes_once_and_in_order_or_the_reader_is_told(
        actions in proptest::collection::vec(action(), 1..250),
        seed in any::<u64>(),
    ) {
        play(actions, seed);
    }

    /// The same of publishing alone, where the worst comes together more often.
    #[test]
    fn whatever_an_old_connection_still_brings_each_publication_is_stored_once_and_in_order(
        actions in proptest::collection::vec(publishing(), 1..80),
        seed in any::<u64>(),
    ) {
        play(actions.into_iter().flatten().collect(), seed);
    }
}

fn sent(world: &World, kind: MessageType) -> Vec<Message> {
    world.said().filter(|message| message.message_type() == kind).cloned().collect()
}

/// What the topic expected before is no word of what it took since.
#[test]
fn what_may_be_stored_is_asked_for_before_a_line_gets_other_numbers() {
    let mut world = World::online();
    world.act(Action::Publish("chat:a"));
    world.settle();
    world.act(Action::Mischief(Mischief::RefuseBefore(Code::PublicationTooLarge)));
    (0..3).for_each(|_| world.act(Action::Publish("chat:a")));
    world.act(Action::ToNode(2));
    world.act(Action::Recreate("chat:a"));
    world.act(Action::Mischief(Mischief::StoreAndFail));
    world.act(Action::ToNode(1));
    world.calm_down();
    world.check();
}

/// P9, P14: what is refused on one connection may be taken on another, and then those behind it fit in there too.
#[test]
fn what_an_old_connection_still_brings_is_not_stored_again_behind_a_publication_refused_for_good() {
    for strays_first in [true, false] {
        let mut world = World::online();
        world.act(Action::Publish("chat:a"));
        world.settle();
        (0..4).for_each(|_| world.act(Action::Publish("chat:a")));
        world.act(Action::CutLate);
        world.act(Action::Mischief(Mischief::RefuseBefore(Code::PublicationTooLarge)));
        world.act(Action::Pass(500));
        for _ in ["CONNECT", "the first", "the second"] {
            world.act(Action::ToNode(1));
            world.act(Action::ToClient(1));
        }
        assert_eq!(world.node.refused_count(Code::OutOfSequence), 1, "of the one behind it");
        if strays_first {
            (0..4).for_each(|_| world.act(Action::Stray));
        }
        world.settle();
        (0..4).for_each(|_| world.act(Action::Stray));
        world.calm_down();
        world.check();
        assert_eq!(world.refusals().into_iter().flatten().count(), 1, "nothing is lost with it");
        assert_eq!(world.node.head("chat:a").offset, if strays_first { 5 } else { 4 });
    }
}

#[test]
fn a_publish_is_repeated_under_its_sequence_after_a_cut_and_stored_once() {
    let mut world = World::online();
    world.act(Action::Publish("chat:a"));
    world.act(Action::ToNode(9));
    world.act(Action::Cut);
    world.calm_down();
    let sequences: Vec<_> = sent(&world, MessageType::Publish)
        .into_iter()
        .map(|message| match message {
            Message::Publish(publish) => publish.producer.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sequences.len(), 2);
    assert_eq!(sequences[0], sequences[1]);
    assert_eq!(world.node.head("chat:a").offset, 1);
    world.check();
}

/// P9: a topic that does not know a producer would take its second publication without its first.
#[test]
fn the_first_publication_goes_alone_and_the_others_follow_in_a_burst() {
    let mut world = World::online();
    for _ in 0..20 {
        world.act(Action::Publish("chat:a"));
    }
    assert_eq!(sent(&world, MessageType::Publish).len(), 1);
    world.act(Action::ToNode(9));
    world.act(Action::ToClient(9));
    // CONNECTED told that the model takes eight at once.
    assert_eq!(sent(&world, MessageType::Publish).len(), 1 + 8);
    world.calm_down();
    world.check();
}

/// S5.
#[test]
fn no_more_requests_are_in_flight_than_the_node_takes() {
    let mut world = World::online();
    for topic in ["chat:c", "chat:d", "chat:e", "chat:f", "chat:g", "chat:h", "chat:i", "chat:j", "chat:k", "chat:l"] {
        world.act(Action::Publish(topic));
        world.act(Action::Watch(topic, Start::Snapshot));
    }
    assert_eq!(world.in_flight(), 8);
    world.calm_down();
    assert_eq!(world.node.refused_count(Code::TooManyRequestsInFlight), 0);
    world.check();
}

/// S9.
#[test]
fn after_goaway_nothing_is_asked_until_the_next_connection_and_nothing_is_lost() {
    let mut world = World::online();
    world.act(Action::Goaway);
    world.act(Action::ToClient(9));
    world.act(Action::Publish("chat:a"));
    assert!(sent(&world, MessageType::Publish).is_empty());
    world.calm_down();
    assert_eq!(world.node.head("chat:a").offset, 1);
    assert_eq!(sent(&world, MessageType::Connect).len(), 2);
    world.check();
}

/// The bound of a watch that nobody reads, and what it costs the others.
#[test]
fn an_unread_watch_is_stopped_at_its_bound_and_resumed_from_its_cursor() {
    let mut world = World::online();
    world.act(Action::Watch("chat:a", Start::Beginning));
    world.settle();
    for _ in 0..400 {
        world.act(Action::PublishElsewhere("chat:a"));
        world.settle();
    }
    assert!(world.session.stats().lags_count > 0);
    assert!(world.unread_bytes() < 3 * world::WATCH_BYTES_MAX);
    assert_eq!(sent(&world, MessageType::Unsubscribe).len(), 1);
    world.calm_down();
    assert_eq!(world.session.stats().gones_count, 0);
    world.check();
}

/// W8.
#[test]
fn a_frame_that_is_lost_is_noticed_and_its_events_are_asked_for_again() {
    let mut world = World::online();
    world.act(Action::Watch("chat:a", Start::Beginning));
    world.settle();
    for _ in 0..3 {
        world.act(Action::PublishElsewhere("chat:a"));
        world.act(Action::Spread);
    }
    world.act(Action::LoseFrame);
    world.calm_down();
    assert_eq!((world.session.stats().gaps_count, world.session.stats().gones_count), (1, 0));
    world.check();
}

#[test]
fn a_watch_that_is_dropped_is_unsubscribed_also_when_it_was_still_being_opened() {
    let mut world = World::online();
    world.act(Action::Watch("chat:a", Start::Snapshot));
    world.act(Action::Unwatch(0));
    world.calm_down();
    assert_eq!(sent(&world, MessageType::Unsubscribe).len(), 1);
    assert_eq!(world.node.open_views(), 0);
}

#[test]
fn closing_waits_for_what_is_published_and_then_ends_everything() {
    let mut world = World::online();
    world.act(Action::Watch("chat:a", Start::Snapshot));
    world.act(Action::Publish("chat:a"));
    world.close();
    assert!(!world.is_finished());
    world.settle();
    assert!(world.is_finished());
    assert_eq!(world.node.head("chat:a").offset, 1);
    assert_eq!(world.state(), &ConnectionState::Closed { error: None });
    world.check();
}

#[test]
fn closing_without_a_node_gives_up_in_time() {
    let mut world = World::new(1);
    world.act(Action::Publish("chat:a"));
    world.close();
    world.act(Action::Pass(10_000));
    assert!(world.is_finished());
    assert_eq!(world.refusals(), [Some(ErrorKind::Closed)]);
}

/// S2, X3: an error that trying again does not mend ends the client and is told to everyone.
#[test]
fn a_final_refusal_of_the_connection_ends_watches_and_publishes_with_it() {
    let mut world = World::new(1);
    world.act(Action::Watch("chat:a", Start::Snapshot));
    world.act(Action::Publish("chat:a"));
    world.node.refuse_connections(Some(Code::Unauthorized));
    world.settle();
    assert!(world.is_finished());
    assert_eq!(world.refusals(), [Some(ErrorKind::Refused)]);
    assert!(world.reader_errors().all(|error| error.code() == Some(Code::Unauthorized)));
}

/// S11: a connection that nobody uses is not kept open for its own sake.
#[test]
fn an_idle_connection_that_is_closed_is_opened_again_by_the_next_publish() {
    let mut world = World::online();
    world.lose(&Code::Idle.into());
    assert_eq!(world.state(), &ConnectionState::Idle);
    world.act(Action::Pass(600_000));
    assert_eq!(sent(&world, MessageType::Connect).len(), 1);
    world.act(Action::Publish("chat:a"));
    world.calm_down();
    assert_eq!(sent(&world, MessageType::Connect).len(), 2);
    world.check();
}

/// P14: what may have taken effect is not repeated when that could double it, and the caller is told.
#[test]
fn a_publish_without_an_answer_fails_in_time_and_the_next_ones_go_on() {
    let mut world = World::online();
    world.act(Action::Publish("chat:a"));
    world.act(Action::Cut);
    world.node.refuse_connections(Some(Code::Unavailable));
    world.act(Action::Pass(70_000));
    assert_eq!(world.refusals(), [Some(ErrorKind::Timeout)]);
    world.node.refuse_connections(None);
    world.act(Action::Publish("chat:a"));
    world.calm_down();
    assert_eq!(world.node.head("chat:a").offset, 1);
    world.check();
}

#[test]
fn an_answer_to_another_question_ends_the_connection_and_not_the_client() {
    let mut world = World::online();
    world.act(Action::Publish("chat:a"));
    let id = world.last_id();
    let message = Message::Unsubscribed(fanfare_protocol::Unsubscribed { view: 1 });
    world.hear(Incoming { id, traceparent: None, message });
    assert!(
        matches!(world.state(), ConnectionState::Disconnected { error, .. } if error.kind() == ErrorKind::Protocol)
    );
    world.calm_down();
    world.check();
}

/// P15.
#[test]
fn a_page_is_asked_for_again_after_a_cut_and_refused_with_its_code() {
    let mut world = World::online();
    world.act(Action::PublishElsewhere("chat:a"));
    let ticket = world.history("chat:a");
    world.act(Action::Cut);
    world.calm_down();
    assert!(matches!(world.answer(ticket), Some(Ok(crate::session::Answer::Page(page))) if page.items.len() == 1));
    let ticket = world.history("chat:refused");
    world.calm_down();
    assert!(matches!(world.answer(ticket), Some(Err(error)) if error.code() == Some(Code::NotFound)));
}

/// W18: what is on its way and what waits unread are within the credit, and reading brings more.
#[test]
fn no_more_comes_than_the_credit_of_a_watch_until_its_reader_reads() {
    let mut world = World::online();
    world.act(Action::WatchAs("chat:a", Start::Beginning, View::default(), 3));
    (0..10).for_each(|_| world.act(Action::PublishElsewhere("chat:a")));
    world.settle();
    assert_eq!(world.unread_count(), 3);
    world.act(Action::Read(0));
    world.settle();
    assert_eq!(world.unread_count(), 3);
    world.calm_down();
    assert_eq!(sent(&world, MessageType::Unsubscribe).len(), 0);
    world.check();
}

/// W17, W18: a grant that the node hears behind the change would be lost with the old number.
#[test]
fn what_is_read_while_the_view_changes_is_granted_to_the_new_one() {
    let mut world = World::online();
    world.act(Action::PublishElsewhere("chat:a"));
    world.act(Action::WatchAs("chat:a", Start::Beginning, View::default(), 1));
    world.settle();
    world.act(Action::Update(0, View { fields: "a", ..View::default() }));
    world.act(Action::Read(0));
    world.act(Action::PublishElsewhere("chat:a"));
    for unread in ["the change", "what came behind it"] {
        world.settle();
        assert_eq!(world.unread_count(), 1, "{unread}");
        world.act(Action::Read(0));
    }
    world.calm_down();
    world.check();
}

#[test]
fn a_view_whose_watch_with_credit_has_left_is_bounded_no_more() {
    let mut world = World::online();
    world.act(Action::WatchAs("chat:a", Start::Beginning, View::default(), 2));
    world.settle();
    world.act(Action::Watch("chat:a", Start::Snapshot));
    world.settle();
    world.act(Action::Update(0, View { fields: "a", ..View::default() }));
    (0..10).for_each(|_| world.act(Action::PublishElsewhere("chat:a")));
    world.calm_down();
    world.check();
}

/// W17: one question, whatever was asked for in between, and no other way of getting there.
#[test]
fn an_update_of_a_watch_that_has_its_view_alone_changes_the_view() {
    for topic in ["chat:a", "s:keys"] {
        let mut world = World::online();
        (0..5).for_each(|_| world.act(Action::PublishElsewhere(topic)));
        world.act(Action::Watch(topic, Start::Snapshot));
        world.settle();
        for fields in ["a", "b"] {
            world.act(Action::Update(0, View { fields, ..View::default() }));
        }
        world.act(Action::PublishElsewhere(topic));
        world.calm_down();
        assert_eq!(sent(&world, MessageType::UpdateView).len(), 2);
        assert_eq!(sent(&world, MessageType::Subscribe).len(), 1);
        let resumed: Vec<bool> = world.changes(0);
        assert_eq!(resumed, [topic == "chat:a"; 2]);
        world.check();
    }
}

#[test]
fn an_update_over_a_cut_is_asked_for_again_from_the_view_that_was_sure() {
    let mut world = World::online();
    (0..5).for_each(|_| world.act(Action::PublishElsewhere("s:keys")));
    world.act(Action::Watch("s:keys", Start::Snapshot));
    world.settle();
    world.act(Action::Update(0, View { fields: "a", ..View::default() }));
    world.act(Action::ToNode(9));
    world.act(Action::Cut);
    world.act(Action::PublishElsewhere("s:keys"));
    world.calm_down();
    assert_eq!(sent(&world, MessageType::UpdateView).len(), 2);
    assert_eq!(world.changes(0), [false]);
    world.check();
}

#[test]
fn an_update_of_one_of_two_equal_watches_leaves_the_other_alone() {
    let mut world = World::online();
    (0..5).for_each(|_| world.act(Action::PublishElsewhere("chat:a")));
    (0..2).for_each(|_| world.act(Action::Watch("chat:a", Start::Snapshot)));
    world.settle();
    world.act(Action::Update(0, View { fields: "a", ..View::default() }));
    world.settle();
    assert_eq!(world.node.open_views(), 2);
    world.act(Action::Update(0, View::default()));
    world.settle();
    assert_eq!(world.node.open_views(), 1);
    world.calm_down();
    assert_eq!((world.changes(0), world.changes(1)), (vec![true, true], vec![]));
    assert_eq!(world.node.refused_count(Code::AlreadySubscribed), 0);
    world.check();
}

#[test]
fn a_view_that_the_node_does_not_take_leaves_the_watch_as_it_was_and_is_told() {
    let mut world = World::online();
    world.act(Action::Watch("chat:a", Start::Snapshot));
    world.settle();
    world.act(Action::Update(0, View { is_bad: true, ..View::default() }));
    world.act(Action::PublishElsewhere("chat:a"));
    world.calm_down();
    assert_eq!(world.failures(0), 1);
    world.check();
}
