//! Files that changed while the node was away: what is damaged is said with its place and never answered with; what is
//! not damaged is served.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rig::Rig;

/// So that the log has everything that these tests publish.
const LONG_WINDOW: &str = "window_ms = 60000";

/// The first file of these that holds a text, and where.
fn find(files: &[PathBuf], text: &str) -> (PathBuf, usize) {
    let place = |file: &PathBuf| {
        let bytes = fs::read(file).expect("it can be read");
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes())?;
        Some((file.clone(), at))
    };
    files.iter().find_map(place).expect("it was written")
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).expect("it can be read");
    change(&mut bytes);
    fs::write(file, bytes).expect("it can be written");
}

/// What `fanfare storage check` says, and whether it is content.
fn check(data: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    let output = command.args(["storage", "check"]).arg(data).output().expect("the binary under test starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("output is UTF-8"));
    (output.status.success(), said.concat())
}

/// Sixty topics, with a text each that names it.
async fn fill(rig: &Rig) {
    for round in 0..3 {
        for at in 0..60 {
            rig.publish(&topic(at), &text(at, round)).await.expect("all is well");
        }
    }
}

fn topic(at: usize) -> String {
    format!("chat:topic-{at}")
}

fn text(at: usize, round: usize) -> String {
    format!("needle {at} of round {round}")
}

fn texts(at: usize) -> Vec<String> {
    (0..3).map(|round| text(at, round)).collect()
}

/// G15: that shard refuses, the others serve, and the place is told.
#[tokio::test]
async fn a_flipped_bit_in_the_log_silences_its_shard_alone_and_is_told_with_its_place() {
    let mut rig = Rig::new(LONG_WINDOW);
    fill(&rig).await;
    rig.kill();
    let (file, at) = find(&rig.segments(), &text(7, 1));
    change(&file, |bytes| bytes[at] ^= 4);
    let (is_content, said) = check(&rig.data());
    assert!(!is_content && said.contains(file.to_str().expect("UTF-8")), "{said}");

    rig.start().expect("the other shards can be served");
    assert_eq!(rig.publish(&topic(7), "more").await, Err("STORAGE_FAULT".to_owned()));
    assert_eq!(rig.read(&topic(7)).await, Err("STORAGE_FAULT".to_owned()));
    let mut silent = Vec::new();
    for at in 0..60 {
        match rig.read(&topic(at)).await {
            Ok(found) => assert_eq!(found, texts(at)),
            Err(code) => silent.push((at, code)),
        }
        if silent.last().is_none_or(|(last, _)| *last != at) {
            rig.publish(&topic(at), "more").await.expect("whoever reads can publish");
        }
    }
    // Of 64 shards one holds on average one of sixty topics; more than a handful would be more than one shard.
    assert!(silent.len() < 8 && silent.iter().all(|(_, code)| code == "STORAGE_FAULT"), "{silent:?}");
    let told = rig.node().told(file.to_str().expect("UTF-8"));
    let byte = told.split("at byte ").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    assert!(byte.is_some_and(|byte| byte <= at && at - byte < 4096), "flipped at {at}: {told}");

    // It is not forgotten by a restart.
    rig.kill();
    rig.start().expect("the other shards can be served");
    assert_eq!(rig.publish(&topic(7), "more").await, Err("STORAGE_FAULT".to_owned()));
}

/// A record that was being written when the power went: nobody had an answer for it.
#[tokio::test]
async fn a_torn_end_of_the_log_is_cut_off_and_everything_acknowledged_is_there() {
    for torn in [&b"half a record that was never finished"[..], &[0xFF; 5000]] {
        let mut rig = Rig::new(LONG_WINDOW);
        fill(&rig).await;
        rig.kill();
        let (file, _) = find(&rig.segments(), &text(59, 2));
        change(&file, |bytes| {
            let end = bytes.iter().rposition(|byte| *byte != 0).expect("it holds records") + 1;
            let start = end.next_multiple_of(8);
            bytes[start..start + torn.len()].copy_from_slice(torn);
        });
        rig.start().expect("a torn end is no damage");
        for at in 0..60 {
            assert_eq!(rig.read(&topic(at)).await, Ok(texts(at)));
            rig.publish(&topic(at), "more").await.expect("all shards serve");
        }
        rig.kill();
        let (is_content, said) = check(&rig.data());
        assert!(is_content, "{said}");
    }
}

/// Of a record whose head is damaged nobody knows whose it was, nor of one that is zeros: no group may be answered for
/// that could have had one there. That may be the one with the namespaces, and then the node cannot start.
#[tokio::test]
async fn records_that_cannot_be_told_whose_they_were_are_missing_in_no_answer() {
    let injuries: [fn(&mut [u8]); 2] = [|bytes| bytes[983] ^= 1, |bytes| bytes.fill(0)];
    for injury in injuries {
        let mut rig = Rig::new(LONG_WINDOW);
        fill(&rig).await;
        rig.kill();
        let (file, at) = find(&rig.segments(), &text(20, 1));
        change(&file, |bytes| injury(&mut bytes[at - 1000..at + 3000]));
        let name = file.to_str().expect("UTF-8").to_owned();
        let (is_content, said) = check(&rig.data());
        assert!(!is_content && said.contains(&name), "{said}");
        match rig.start() {
            Err(ended) => {
                assert_eq!((ended.status.code(), ended.is_hanging), (Some(1), false), "{ended:?}");
                assert!(ended.log.iter().any(|line| line.contains(&name)), "{ended:?}");
            }
            Ok(()) => {
                rig.node().told(&name);
                for at in 0..60 {
                    match rig.read(&topic(at)).await {
                        Ok(found) => assert_eq!(found, texts(at)),
                        Err(code) => assert_eq!(code, "STORAGE_FAULT"),
                    }
                }
            }
        }
    }
}

/// A whole file of the log is gone, with others behind it.
#[tokio::test]
async fn a_missing_segment_is_told_and_its_shards_are_silent() {
    let mut rig = Rig::new("window_ms = 60000\nwindow_bytes_max = 1073741824");
    fill(&rig).await;
    // Some 6 MB: the first segment is a small one.
    let filler = "x".repeat(200_000);
    while rig.segments().iter().filter(|path| is_numbered(path)).count() < 3 {
        for at in 0..60 {
            rig.publish(&topic(at), &filler).await.expect("all is well");
        }
    }
    rig.kill();
    let segments: Vec<_> = rig.segments().into_iter().filter(|path| is_numbered(path)).collect();
    let gone = &segments[1];
    fs::remove_file(gone).expect("it is there");
    let (is_content, said) = check(&rig.data());
    assert!(!is_content && said.contains(gone.to_str().expect("UTF-8")), "{said}");
    rig.start().expect("the node says what is wrong");
    assert_eq!(rig.publish(&topic(7), "more").await, Err("STORAGE_FAULT".to_owned()));
    let told = rig.node().told(gone.to_str().expect("UTF-8"));
    assert!(told.contains("missing"), "{told}");
}

fn is_numbered(path: &Path) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is gone is no new beginning: the log has only what came last, and the store what came before.
#[tokio::test]
async fn a_missing_part_of_the_data_is_answered_for_by_nothing_else() {
    let mut rig = Rig::new("window_ms = 50");
    fill(&rig).await;
    // Enough that the log lets go of its first segment.
    let (filler, first) = ("x".repeat(200_000), rig.segments()[0].clone());
    while first.exists() {
        rig.publish("chat:filler", &filler).await.expect("all is well");
    }
    rig.kill();
    for gone in ["wal", "state", "state/rows", "meta", "identity.toml"] {
        let copy = rig.data().with_file_name("copy");
        let status = Command::new("cp").args(["-r", "--sparse=always"]).arg(rig.data()).arg(&copy).status();
        assert!(status.expect("`cp` is there").success());
        let path = copy.join(gone);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("it is there");
        let (is_content, said) = check(&copy);
        assert!(!is_content, "{said}");
        let mut broken = Rig::idle("window_ms = 50", Some(&copy));
        match broken.start() {
            Err(ended) => assert_eq!((ended.status.code(), ended.is_hanging), (Some(1), false), "{ended:?}"),
            Ok(()) => {
                for at in 0..60 {
                    let outcomes = (broken.read(&topic(at)).await, broken.publish(&topic(at), "more").await);
                    let fault = "STORAGE_FAULT".to_owned();
                    assert_eq!(outcomes, (Err(fault.clone()), Err(fault)), "without `{gone}`");
                }
            }
        }
        drop(broken);
        fs::remove_dir_all(copy).expect("it is ours");
    }
}
