//! Where the other replicas come in: each request goes to its group in the order in which it came, and its reply goes back
//! when there is one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::RaftShards;
use fanfare_cluster::log::GroupId;
use fanfare_cluster::raft::PeerRequest;
use tokio::io::{AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::frame::Frame;

/// The socket of a node.
pub fn path(dir: &Path, node: u64) -> PathBuf {
    dir.join(format!("{node}.sock"))
}

/// Opens the door of a node, which nobody else has open. Must be called on its runtime.
pub fn open(dir: &Path, node: u64, shards: Arc<RaftShards>) -> io::Result<()> {
    let path = path(dir, node);
    // Of the process before, if there was one.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(welcome(stream, Arc::clone(&shards)));
        }
    });
    Ok(())
}

async fn welcome(stream: UnixStream, shards: Arc<RaftShards>) {
    let (from, to) = stream.into_split();
    let (replies, mut replied) = mpsc::unbounded_channel::<Frame>();
    tokio::spawn(async move {
        let mut to = BufWriter::new(to);
        while let Some(frame) = replied.recv().await {
            if frame.write(&mut to).await.is_err() || (replied.is_empty() && to.flush().await.is_err()) {
                return;
            }
        }
    });
    let mut from = BufReader::new(from);
    while let Ok(Frame { id, group, message }) = Frame::read(&mut from).await {
        let Ok(request) = PeerRequest::decode(message) else { return };
        let reply = shards.serve(GroupId(group), request);
        let replies = replies.clone();
        tokio::spawn(async move {
            let message = reply.await.map_or(Bytes::new(), |reply| reply.encode());
            // Nobody listens any more when the link is broken.
            let _ = replies.send(Frame { id, group, message });
        });
    }
}
