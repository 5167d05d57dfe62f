//! Watchers and readers: the same versions, exactly what followed, over every transport.

use serde_json::{Value, json};

use super::lasting::{ENDS, End, Lasting};
use super::{parts, take};
use crate::harness::{Http, Socket};

const TOPIC: &str = "chat:a";
const TARGET: &str = "/v1/topics/chat:a";

/// More than a page of history and than a frame of a ring.
const COUNT: u64 = 500;
/// What the watcher has seen when the node ends.
const SEEN: u64 = 200;

/// The data of puts and their offsets, which have to be of this epoch.
fn puts(events: &[Value], epoch: &str) -> Vec<(u64, u64)> {
    let put = |event: &Value| {
        assert_eq!(event["type"], "put", "{event}");
        let (of, offset) = parts(event["resourceVersion"].as_str().expect("a version is a string"));
        assert_eq!(of, epoch, "the epoch lasts");
        (offset, event["data"].as_u64().expect("a number was published"))
    };
    events.iter().map(put).collect()
}

fn numbers(numbers: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64)> {
    numbers.map(|n| (n, n)).collect()
}

/// G3, G7, V2, V6, W6: nothing is missed, repeated or told to be gone, and it goes on live.
#[tokio::test]
async fn a_session_resumes_exactly_over_a_restart() {
    for end in ENDS {
        let mut node = Lasting::start();
        let versions = node.publish(TOPIC, 1..=COUNT).await;
        let (epoch, _) = parts(&versions[0]);
        let mut watcher = node.socket().await;
        watcher.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "from": "beginning" })).await;
        let mut cursor = json!(format!("{epoch}.0"));
        let seen = take(&mut watcher, &mut cursor, SEEN as usize).await;
        let seen = puts(&seen, epoch);
        assert_eq!(seen, numbers(1..=seen.len() as u64), "{end:?}");

        node.restart(end);
        let mut watcher = node.socket().await;
        let given = json!({ "topic": TOPIC, "resourceVersion": cursor, "onGone": "close" });
        let opened = watcher.ask("SUBSCRIBE", 1, given).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");
        let missed = take(&mut watcher, &mut cursor, COUNT as usize - seen.len()).await;
        assert_eq!(puts(&missed, epoch), numbers(seen.len() as u64 + 1..=COUNT), "{end:?}");

        let after = node.publish(TOPIC, COUNT + 1..=COUNT + 3).await;
        assert_eq!(after[0], format!("{epoch}.{}", COUNT + 1), "{end:?}: versions go on");
        assert_eq!(puts(&take(&mut watcher, &mut cursor, 3).await, epoch), numbers(COUNT + 1..=COUNT + 3), "{end:?}");
    }
}

/// V7: whoever had seen everything hears what comes next and nothing else, restart after restart.
#[tokio::test]
async fn a_cursor_at_the_head_resumes_over_restart_after_restart() {
    let mut node = Lasting::start();
    let first = node.publish(TOPIC, [1]).await.remove(0);
    let (epoch, _) = parts(&first);
    let mut cursor = json!(first);
    for (n, end) in (2..=7).zip([End::Killed, End::Killed, End::Terminated].into_iter().cycle()) {
        node.restart(end);
        let mut watcher = node.socket().await;
        let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "resourceVersion": cursor })).await;
        assert_eq!(opened["payload"]["resumed"], true, "start {n}: {opened}");
        node.publish(TOPIC, [n]).await;
        assert_eq!(puts(&take(&mut watcher, &mut cursor, 1).await, epoch), [(n, n)], "start {n}");
    }
}

/// `storage.fsync` is about the loss of power: a killed process loses nothing that it acknowledged, whatever it says.
#[tokio::test]
async fn a_killed_process_loses_nothing_whatever_is_synced() {
    for configuration in ["[storage]\nfsync = \"interval\"\n", "[storage]\nfsync = \"never\"\n"] {
        let mut node = Lasting::with(configuration);
        let versions = node.publish(TOPIC, 1..=COUNT).await;
        let (epoch, _) = parts(&versions[0]);
        node.restart(End::Killed);
        let mut watcher = node.socket().await;
        let mut cursor = json!(versions[0]);
        let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "resourceVersion": cursor })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{configuration}: {opened}");
        let missed = take(&mut watcher, &mut cursor, COUNT as usize - 1).await;
        assert_eq!(puts(&missed, epoch), numbers(2..=COUNT), "{configuration}");
    }
}

/// H3, W7: an `EventSource` comes back with the last `id:` that it saw.
#[tokio::test]
async fn an_event_stream_resumes_behind_its_last_event_id_over_a_restart() {
    for end in ENDS {
        let mut node = Lasting::start();
        let versions = node.publish(TOPIC, 1..=5).await;
        node.restart(end);
        let headers = [("accept", "text/event-stream"), ("Last-Event-ID", &*versions[2])];
        let mut stream = Http::connect(node.address()).await;
        stream.say("GET", &format!("{TARGET}?watch=true"), &headers, "").await;
        assert_eq!(stream.head().await.status, 200);
        assert_eq!(stream.text_through("\n\n").await, "retry: 1000\n\n");
        let after = node.publish(TOPIC, [6]).await;
        for (n, version) in (4..).zip([&versions[3], &versions[4], &after[0]]) {
            let event = stream.text_through("\n\n").await;
            assert!(event.starts_with(&format!("id: {version}\nevent: put\n")), "{end:?}: {event}");
            assert!(event.contains(&format!("\"data\":{n},")), "{end:?}: {event}");
        }
    }
}

/// H1, H2, H6: polls, snapshots, pages of history and the list of topics are to the byte what they were.
#[tokio::test]
async fn what_is_read_over_http_is_the_same_after_a_restart() {
    for end in ENDS {
        let mut node = Lasting::start();
        let versions = node.publish(TOPIC, 1..=COUNT).await;
        node.publish("orders", [17]).await;
        let targets = [
            format!("{TARGET}?watch=true&limit=50&resourceVersion={}", versions[1]),
            format!("{TARGET}?limit={COUNT}"),
            format!("{TARGET}/history?after={}&limit=100", versions[249]),
            format!("{TARGET}/history?reverse=true&limit=100"),
            "/v1/topics/orders".to_owned(),
            "/v1/topics".to_owned(),
        ];
        let mut before = Vec::new();
        for target in &targets {
            before.push(node.get(target).await);
        }
        node.restart(end);
        for (target, before) in targets.iter().zip(before) {
            assert_eq!(node.get(target).await, before, "{end:?}: {target}");
        }
    }
}

/// V6: what retention took stays gone, and from the oldest that is left it resumes.
#[tokio::test]
async fn what_was_no_longer_retained_is_gone_after_a_restart_too() {
    for end in ENDS {
        let mut node = Lasting::with("[[namespace]]\nname = \"short\"\nhistory_count = 2\n");
        let versions = node.publish("short:a", 1..=5).await;
        node.restart(end);
        let mut watcher = node.socket().await;
        let close = json!({ "topic": "short:a", "resourceVersion": versions[0], "onGone": "close" });
        let refused = watcher.ask("SUBSCRIBE", 1, close).await;
        assert_eq!(refused["payload"]["name"], "GONE", "{end:?}: {refused}");
        assert_eq!(refused["payload"]["oldest"], versions[2], "{end:?}: {refused}");
        let opened = watcher.ask("SUBSCRIBE", 2, json!({ "topic": "short:a", "resourceVersion": versions[2] })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");
        let mut cursor = json!(versions[2]);
        let (epoch, _) = parts(&versions[0]);
        assert_eq!(puts(&take(&mut watcher, &mut cursor, 2).await, epoch), numbers(4..=5), "{end:?}");
    }
}

/// Promise 6: who did not read when the node was killed reads on from where it stood, live connection or not.
#[tokio::test]
async fn a_reader_that_was_far_behind_reads_on_after_the_node_was_killed() {
    let mut node = Lasting::start();
    let mut slow = node.socket().await;
    slow.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "from": "latest" })).await;
    let versions = node.publish(TOPIC, 1..=COUNT).await;
    let (epoch, _) = parts(&versions[0]);
    node.end(End::Killed);
    // What the kernel still had for it, frame by frame, until the end of the connection.
    let seen = read_to_the_end(&mut slow).await;
    let last = seen.last().map_or(0, |(offset, _)| *offset);
    assert_eq!(seen, numbers(1..=last));

    node.begin();
    let mut watcher = node.socket().await;
    let mut cursor = json!(format!("{epoch}.{last}"));
    let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "resourceVersion": cursor })).await;
    assert_eq!(opened["payload"]["resumed"], true, "{opened}");
    let after = node.publish(TOPIC, [COUNT + 1]).await;
    assert_eq!(parts(&after[0]), (epoch, COUNT + 1));
    let missed = take(&mut watcher, &mut cursor, (COUNT + 1 - last) as usize).await;
    assert_eq!(puts(&missed, epoch), numbers(last + 1..=COUNT + 1));
}

/// Offsets and data of all whole frames that still come.
async fn read_to_the_end(socket: &mut Socket) -> Vec<(u64, u64)> {
    let mut seen = Vec::new();
    while let Some(frame) = socket.frame().await {
        let text = String::from_utf8(frame.payload).expect("text is UTF-8");
        for envelope in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("envelopes are JSON")) {
            let events = envelope["payload"]["events"].as_array().into_iter().flatten();
            for event in events.filter(|event| event["type"] == "put") {
                let (_, offset) = parts(event["resourceVersion"].as_str().expect("a version is a string"));
                seen.push((offset, event["data"].as_u64().expect("a number was published")));
            }
        }
    }
    seen
}
