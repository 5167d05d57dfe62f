//! A message on a link: `bytes of the rest | id of the call | group | message`, numbers with the first byte first.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const HEAD_BYTES: usize = 12;

/// Of one frame: far above an entry or a chunk, which have a megabyte at most.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// See the module. The reply to a call has its id; without a message there is none.
#[derive(Debug)]
pub struct Frame {
    pub id: u64,
    pub group: u32,
    pub message: Bytes,
}

impl Frame {
    /// As it goes over the link.
    pub fn bytes(&self) -> u64 {
        (4 + HEAD_BYTES + self.message.len()) as u64
    }

    pub async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let bytes = u32::try_from(HEAD_BYTES + self.message.len()).map_err(io::Error::other)?;
        let mut head = [0; 4 + HEAD_BYTES];
        head[..4].copy_from_slice(&bytes.to_be_bytes());
        head[4..12].copy_from_slice(&self.id.to_be_bytes());
        head[12..].copy_from_slice(&self.group.to_be_bytes());
        to.write_all(&head).await?;
        to.write_all(&self.message).await
    }

    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let bytes = from.read_u32().await? as usize;
        let message_bytes = bytes.checked_sub(HEAD_BYTES).filter(|_| bytes <= FRAME_BYTES_MAX);
        let message_bytes = message_bytes.ok_or_else(|| io::Error::other("a frame of no length that can be"))?;
        let (id, group) = (from.read_u64().await?, from.read_u32().await?);
        let mut message = vec![0; message_bytes];
        from.read_exact(&mut message).await?;
        Ok(Self { id, group, message: message.into() })
    }
}
