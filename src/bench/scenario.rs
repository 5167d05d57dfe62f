//! What is run: one file per subcommand. Each fills a [`Report`](super::Report).

mod fanout;

pub(crate) use fanout::Fanout;
