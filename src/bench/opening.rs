//! Opens many connections, a few at once, and waits until what each asks for stands.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use fanfare_protocol::ResourceVersion;

use super::client::{Fleet, Happening};
use super::target::{Entrance, Heard};

/// Connections that are being opened at once: below the backlog of most listeners.
const OPENING_MAX: usize = 128;

/// How long nothing may happen meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was opened.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) ids: Vec<usize>,
    /// At which the last subscription stood.
    pub(crate) version: Option<ResourceVersion>,
}

/// Opens connections with these labels, each as `entrance` tells; `step` is told now and then how many are ready.
pub(crate) fn open(
    fleet: &mut Fleet,
    labels: Range<usize>,
    mut entrance: impl FnMut(usize) -> Entrance,
    mut step: impl FnMut(usize) -> Result<()>,
) -> Result<Opened> {
    let (first, count) = (labels.start, labels.len());
    let mut opened = Opened { ids: Vec::with_capacity(count), version: None };
    let (mut ready, mut failure) = (0, None);
    let mut moved = Instant::now();
    while ready < count {
        while opened.ids.len() < count && opened.ids.len() - ready < OPENING_MAX {
            let label = first + opened.ids.len();
            opened.ids.push(fleet.open(label, entrance(label))?);
        }
        let before = ready;
        fleet.turn(Duration::from_millis(100), |_, happening| match happening {
            Happening::Ready => ready += 1,
            Happening::Heard(Heard::Subscribed(version)) => opened.version = version,
            Happening::Heard(Heard::Refused(why)) => failure = Some(anyhow!(why)),
            Happening::Failed(error) => failure = Some(error),
            Happening::Heard(_) => {}
        })?;
        if let Some(error) = failure {
            return Err(error.context(format!("{ready} of {count} connections were open when one failed")));
        }
        if ready > before {
            moved = Instant::now();
        }
        ensure!(
            moved.elapsed() < PATIENCE,
            "the server opened {ready} of {count} connections and then none for {PATIENCE:?}: see what it logs"
        );
        step(ready)?;
    }
    Ok(opened)
}
