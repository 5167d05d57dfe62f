//! The namespaces of a running node: what is declared, and the way to declare something else.
//!
//! Started by the node once the meta group runs; [`Namespaces::run`] is a task of the node's that brings what is
//! declared to the shards until the node shuts down. At most one change is made at a time by a node; others wait, and
//! are few, because only admins make them. Nothing is lost if the task ends: the next start goes on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fanfare_cluster::Unavailable;
use fanfare_cluster::meta::{Meta, MetaError, NAMESPACES_MAX, Refused, Table};
use fanfare_protocol::{Code, Error};
use tokio::sync::{Mutex, watch};

use super::change::{self, Applied, Plan};
use super::declared::{self, BadTable, Declared};
use super::lanes::Lanes;
use super::refusal::Refusal;
use crate::config::{Config, Idempotency, Namespace};
use crate::limit::Limits;
use crate::log::{Kind, Policy};
use crate::topic::unavailable;

/// How long a change may take to reach all shards before whoever asked for it is told to ask again: below the 30 s that
/// clients commonly wait, and enough to end a million topics.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(25);

/// How often a change is planned anew because another node was faster.
const TRIES_MAX: usize = 8;

/// Why the namespaces are not known.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The meta group does not answer.
    #[error("the namespaces cannot be read: {0}")]
    Meta(#[from] MetaError),
    /// They are of a newer version.
    #[error(transparent)]
    Table(#[from] BadTable),
}

/// See the module.
pub struct Namespaces {
    pub(super) meta: Meta,
    pub(super) lanes: Arc<dyn Lanes>,
    pub(super) progress: watch::Sender<Progress>,
    limits: Limits,
    idempotency: Idempotency,
    changing: Mutex<()>,
}

/// How far what is declared has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// What all shards follow.
    pub(super) told: Arc<Declared>,
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespaces").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl Namespaces {
    /// Declares those of the configuration where none ever were, and reads what is declared. The lanes follow it when
    /// this resolves; the shards do once [`Self::run`] has told them, which [`Self::settled`] waits for.
    ///
    /// # Errors
    /// When the meta group does not answer, or holds what this version cannot read.
    pub async fn start(meta: Meta, lanes: Arc<dyn Lanes>, config: &Config) -> Result<Arc<Self>, StartError> {
        match meta.read_barrier().await {
            Ok(()) => {}
            // What is stored of it was agreed on once: topics go on by it, and only changes have to wait for the repair.
            Err(why @ (Unavailable::StorageFault | Unavailable::Stopped)) if meta.namespaces().version() > 0 => {
                tracing::error!(%why, "the meta group has failed: namespaces hold as they are stored, none can be changed");
            }
            Err(why) => return Err(MetaError::from(why).into()),
        }
        let seed = config.declared();
        if meta.namespaces().version() == 0 {
            meta.seed_namespaces(seed.iter().map(|policy| (policy.name.clone(), declared::value(policy)))).await?;
        }
        let declared = Declared::read(&meta.namespaces())?;
        tell_differences(&declared, &seed);
        lanes.follow(declared.policies());
        let (progress, _) = watch::channel(Progress::default());
        Ok(Arc::new(Self {
            meta,
            lanes,
            progress,
            limits: config.limits.clone(),
            idempotency: config.idempotency,
            changing: Mutex::new(()),
        }))
    }

    /// What is declared, as this node knows it now.
    ///
    /// # Errors
    /// `UNAVAILABLE` when another node declared what this version cannot read.
    pub fn declared(&self) -> Result<Declared, Error> {
        Declared::read(&self.meta.namespaces())
            .map_err(|bad| Error::of(Code::Unavailable).with_message(bad.to_string()))
    }

    /// The table that they are declared in, as this node knows it now.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.meta.namespaces()
    }

    /// Resolves once all shards of this node follow what is declared now.
    pub async fn settled(&self) {
        let version = self.meta.namespaces().version();
        // The sender is ours, so it is there as long as we wait.
        let _ = self.progress.subscribe().wait_for(|progress| progress.told.version() >= version).await;
    }

    /// Declares a namespace, or changes it; resolves once all shards follow it. To wish for what is, changes nothing.
    ///
    /// # Errors
    /// `BAD_PARAMETER` for what a namespace cannot be or become, `REQUEST_TIMEOUT` when it is declared and takes longer
    /// to reach all shards than anyone waits for, and what a group that does not answer says.
    pub async fn apply(&self, namespace: &Namespace) -> Result<Applied, Error> {
        if let Err(contradictions) = namespace.check(&self.limits)
            && let Some(first) = contradictions.into_iter().next()
        {
            return Err(Refusal::Contradiction(first).to_error());
        }
        let wanted = namespace.policy(self.idempotency);
        let _one_at_a_time = self.changing.lock().await;
        let (version, before) = self.put(&wanted).await?;
        let reached =
            |progress: &Progress| progress.told.version() >= version && !progress.told.is_moving(&wanted.name);
        let mut progress = self.progress.subscribe();
        let settled = tokio::time::timeout(SETTLE_TIMEOUT, progress.wait_for(reached)).await;
        let row = match &settled {
            Ok(Ok(progress)) => progress.told.get(&wanted.name).map(|(policy, version)| (policy.clone(), version)),
            Ok(Err(_)) | Err(_) => return Err(Refusal::Unsettled { name: wanted.name }.to_error()),
        };
        drop(settled);
        // Another node may have changed it again meanwhile; what is told is what was asked for here.
        let version = row.filter(|(policy, _)| *policy == wanted).map_or(version, |(_, version)| version);
        let differences = before.map(|before| change::differences(&before, &wanted));
        Ok(Applied { policy: wanted, version, differences })
    }

    /// Puts the row; gives the version from which on it holds, and what was declared before.
    async fn put(&self, wanted: &Policy) -> Result<(u64, Option<Policy>), Error> {
        for _ in 0..TRIES_MAX {
            self.meta.read_barrier().await.map_err(unavailable)?;
            let declared = self.declared()?;
            let before = declared.get(&wanted.name).map(|(policy, _)| change::moved(policy));
            let (policy, if_version) = match change::plan(&declared, wanted).map_err(|refusal| refusal.to_error())? {
                Plan::Unchanged(version) => return Ok((version, before)),
                Plan::Put { policy, if_version, unless_topics_of } => {
                    if let Some(kind) = unless_topics_of {
                        self.has_no_topics(&wanted.name, kind).await?;
                    }
                    (policy, if_version)
                }
            };
            match self.meta.put_namespace(&wanted.name, declared::value(&policy), Some(if_version)).await {
                Ok(outcome) => return Ok((outcome.version(), before)),
                Err(MetaError::Refused(Refused::Conflict { .. })) => {}
                Err(MetaError::Refused(Refused::TableFull)) => {
                    return Err(Refusal::TooMany { max: NAMESPACES_MAX }.to_error());
                }
                Err(MetaError::Refused(why @ (Refused::BadRow | Refused::Unreadable))) => {
                    return Err(Error::of(Code::Internal).with_message(why.to_string()));
                }
                Err(MetaError::Unavailable(why)) => return Err(unavailable(why)),
            }
        }
        Err(Refusal::Contested { name: wanted.name.clone() }.to_error())
    }

    /// A topic that comes to be after this was asked keeps the kind that it was created with.
    async fn has_no_topics(&self, name: &str, kind: Kind) -> Result<(), Error> {
        let topics = self.lanes.list(&format!("{name}:"), None, 1).await;
        match topics.map_err(|_| unavailable(Unavailable::StorageFault))?.into_iter().next() {
            Some(topic) => Err(Refusal::TopicsInTheWay { topic, kind }.to_error()),
            None => Ok(()),
        }
    }
}

/// What a file says about namespaces is not what holds, once there were any: whoever reads the file should know.
fn tell_differences(declared: &Declared, seed: &[Policy]) {
    for policy in seed {
        let held = declared.get(&policy.name).map(|(held, _)| change::moved(held));
        if held.as_ref() == Some(policy) {
            continue;
        }
        let differences = held.map(|held| change::differences(&held, policy)).unwrap_or_default();
        let keys: Vec<_> = differences.into_iter().map(|difference| difference.key).collect();
        tracing::info!(
            namespace = policy.name,
            keys = keys.join(", "),
            "the configuration says otherwise than what is declared, which holds: `fanfare namespace apply FILE` brings it in"
        );
    }
}
