//! The handle between the thread that applies and those who read, under the cluster of one.

use fanfare_cluster::memory::MemoryCluster;
use fanfare_cluster::{BatcherLimits, ManualClock, ShardCount, Shards};
use fanfare_protocol::TopicName;
use parking_lot::Mutex;

use super::*;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

#[tokio::test]
async fn what_is_told_can_be_read_and_what_is_answered_was_told() {
    let log = SharedLog::new(ShardCount::DEFAULT, Arc::new(Policies::default()));
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink: CommittedSink = {
        let (log, told) = (Arc::clone(&log), Arc::clone(&told));
        Arc::new(move |committed: Vec<Committed>| {
            for change in committed {
                assert_eq!(log.head(&change.topic), change.through, "readers see it before the sink does");
                told.lock().push(change.topic.to_string());
            }
        })
    };
    let machines = Arc::clone(&log);
    let cluster = MemoryCluster::start(
        ShardCount::DEFAULT,
        BatcherLimits::default(),
        Arc::new(ManualClock::new(WALL_MS)),
        Box::new(move |shard| machines.machine(shard, Arc::clone(&sink))),
    )
    .unwrap();
    for name in ["chat:a", "chat:b", "{x}:1", "{x}:2"] {
        let name = topic(name);
        let publish = Publish { new_epoch: EPOCH, ..to(name.as_str(), [data("1")]) };
        let answer = cluster.propose(log.shard_of(&name), publish.into_command()).await.unwrap();
        assert!(matches!(Answer::decode(answer), Ok(Answer::Published(published)) if published.first() == at(1)));
        assert_eq!(told.lock().last(), Some(&name.to_string()));
        assert_eq!(log.head(&name), at(1));
    }
    assert_eq!(log.shard_of(&topic("{x}:1")), log.shard_of(&topic("{x}:2")));
    let names = |prefix, after, limit| -> Vec<String> {
        log.list(prefix, after, limit).iter().map(|listed| listed.topic.to_string()).collect()
    };
    assert_eq!(names("chat:", None, 9), ["chat:a", "chat:b"]);
    assert_eq!(names("", Some("chat:a"), 2), ["chat:b", "{x}:1"]);
    assert_eq!(log.head(&topic("none")), ResourceVersion::NONE);
    let refused = cluster.propose(log.shard_of(&topic("none")), Bytes::from_static(b"garbage")).await.unwrap();
    assert_eq!(Answer::decode(refused), Ok(Answer::Refused(Refusal::Unreadable)));
}
