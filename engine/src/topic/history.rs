//! Pages of what a topic retains.

use fanfare_protocol::{Error, History, HistoryPage};

use super::fetch::faulted;
use super::plan::bad_limit;
use crate::log::ReadLimit;
use crate::node::Node;

/// Publications of a page when the client does not say how many.
const PAGE_ITEMS: usize = 100;

/// A page ends with the item that passes this: an answer must fit a frame.
const PAGE_BYTES: u64 = 512 * 1024;

impl Node {
    /// A page of history, forwards after a version or backwards before one.
    ///
    /// # Errors
    /// `BAD_TOPIC`, `BAD_PARAMETER`, and `GONE`, `EPOCH_CHANGED` or `VERSION_AHEAD` for a version that cannot be read from.
    pub async fn history(&self, history: &History) -> Result<HistoryPage, Error> {
        let topic = self.topic_of(&history.topic)?;
        let max = self.config.limits.page_items_max;
        let count = history.limit.map_or(PAGE_ITEMS.min(max), |limit| limit as usize);
        if count == 0 || count > max {
            return Err(bad_limit(max));
        }
        self.read_barrier(&topic).await?;
        let limit = ReadLimit { count, bytes: PAGE_BYTES };
        let reading = match history.after {
            after if history.reverse => self.log.read_before(&topic, after, limit),
            Some(after) => self.log.read_after(&topic, after, limit),
            None => {
                let beginning = self.log.beginning(&topic).map_err(|fault| faulted(&fault))?;
                self.log.read_after(&topic, beginning, limit)
            }
        };
        let mut page = self.fetch(reading).await?.map_err(|gap| gap.to_error(topic.as_str()))?;
        // What is in memory and what is in the store alone are read apart, and given as one.
        while let Some(limit) = page.room(limit) {
            let reading = match history.reverse {
                true => self.log.read_before(&topic, Some(page.through), limit),
                false => self.log.read_after(&topic, page.through, limit),
            };
            match self.fetch(reading).await? {
                Ok(next) => page.join(next),
                // Retention has passed by meanwhile: what was read still stands, and the next page is told.
                Err(_) => break,
            }
        }
        Ok(HistoryPage {
            topic: topic.as_str().to_owned(),
            r#continue: page.more.then(|| page.through.to_string()),
            resource_version: Some(page.head),
            items: page.events.iter().map(|e| e.as_ref().clone()).collect(),
        })
    }
}
