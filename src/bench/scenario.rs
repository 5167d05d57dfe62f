//! What is run: one file per subcommand, but that `fanout`, `latency` and `topics` are one. Each fills a
//! [`Report`](super::Report).

mod churn;
mod fanout;
mod idle;
mod publish;
mod resume;

pub(crate) use churn::Churn;
pub(crate) use fanout::Fanout;
pub(crate) use idle::Idle;
pub(crate) use publish::Publish;
pub(crate) use resume::Resume;
