//! The handle between the threads that apply and those who read, over shards that store and shards that do not.

use fanfare_cluster::ephemeral::EphemeralShards;
use fanfare_cluster::{BatcherLimits, ManualClock, Position, ShardCount, Shards};
use fanfare_protocol::TopicName;
use parking_lot::Mutex;

use super::twin::Twin;
use super::*;
use crate::log::policy::Durability;
use crate::log::stored::ShardStorage;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn log(policies: Policies) -> Arc<SharedLog> {
    let storages: Vec<Option<Arc<dyn ShardStorage>>> =
        ShardCount::DEFAULT.ids().map(|_| Some(Arc::new(Twin::default()) as _)).collect();
    SharedLog::open(Arc::new(policies), &storages, ShardCount::DEFAULT)
}

fn ephemeral() -> Policies {
    Policies::new([Policy { durability: Durability::Ephemeral, ..Policy::new("default", Kind::Stream) }])
}

#[tokio::test]
async fn what_is_told_can_be_read_and_what_is_answered_was_told() {
    let log = log(ephemeral());
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink: CommittedSink = {
        let (log, told) = (Arc::clone(&log), Arc::clone(&told));
        Arc::new(move |committed: Vec<Committed>| {
            for change in committed {
                assert_eq!(log.head(&change.topic).unwrap(), change.through, "readers see it before the sink does");
                told.lock().push(change.topic.to_string());
            }
        })
    };
    let machines = Arc::clone(&log);
    let cluster = EphemeralShards::start(
        ShardCount::DEFAULT,
        BatcherLimits::default(),
        Arc::new(ManualClock::new(WALL_MS)),
        Box::new(move |shard| machines.ephemeral_machine(shard, Arc::clone(&sink))),
    )
    .unwrap();
    for name in ["chat:a", "chat:b", "{x}:1", "{x}:2"] {
        let name = topic(name);
        let publish = Publish { new_epoch: EPOCH, ..to(name.as_str(), [data("1")]) };
        let answer = cluster.propose(log.shard_of(&name), publish.into_command()).await.unwrap();
        assert!(matches!(Answer::decode(answer), Ok(Answer::Published(published)) if published.first() == at(1)));
        assert_eq!(told.lock().last(), Some(&name.to_string()));
        assert_eq!(log.head(&name).unwrap(), at(1));
    }
    assert_eq!(log.shard_of(&topic("{x}:1")), log.shard_of(&topic("{x}:2")));
    let names = |prefix, after, limit| -> Vec<String> {
        log.list(prefix, after, limit).wait().unwrap().iter().map(|listed| listed.topic.to_string()).collect()
    };
    assert_eq!(names("chat:", None, 9), ["chat:a", "chat:b"]);
    assert_eq!(names("", Some("chat:a"), 2), ["chat:b", "{x}:1"]);
    assert_eq!(log.head(&topic("none")).unwrap(), ResourceVersion::NONE);
    let refused = cluster.propose(log.shard_of(&topic("none")), Bytes::from_static(b"garbage")).await.unwrap();
    assert_eq!(Answer::decode(refused), Ok(Answer::Refused(Refusal::Unreadable)));
}

#[test]
fn a_namespace_says_which_lane_its_topics_are_in() {
    let log = log(Policies::default());
    let name = topic("chat:a");
    let shard = log.shard_of(&name);
    let mut machine = log.machine(shard, Arc::new(Twin::default()), Arc::new(|_| {}));
    let publish = Publish { new_epoch: EPOCH, ..to(name.as_str(), [data("1")]) };
    let entry = Entry { index: 5, time: EntryTime::default(), commands: vec![publish.into_command()] };
    let position = Position { index: 5, term: 2, ..Position::default() };
    machine.apply(&entry, position.clone()).unwrap();
    assert_eq!(machine.position(), position);
    assert_eq!(log.head_and_index(&name).unwrap(), (at(1), 5));
    assert_eq!(log.usage()["default"].topics, 1);
    log.follow(Arc::new(ephemeral()));
    assert_eq!(log.head(&name).unwrap(), ResourceVersion::NONE);
}
