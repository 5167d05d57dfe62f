//! Where tokens come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::{Cause, Error, ErrorKind};

type Provided = Pin<Box<dyn Future<Output = Result<String, Cause>> + Send>>;

/// A token on its way.
pub(crate) type Renewal = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;

/// The source of a client's tokens.
#[derive(Clone, Default)]
pub(crate) enum TokenSource {
    /// The node asks for none.
    #[default]
    Nothing,
    /// One for the whole life of the client.
    Fixed(String),
    /// A fresh one whenever it is asked.
    Provider(Arc<dyn Fn() -> Provided + Send + Sync>),
}

impl TokenSource {
    pub(crate) fn provider<F, R, E>(provide: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Cause>,
    {
        Self::Provider(Arc::new(move || {
            let token = provide();
            Box::pin(async move { token.await.map_err(Into::into) })
        }))
    }

    pub(crate) fn is_provider(&self) -> bool {
        matches!(self, Self::Provider(_))
    }

    /// A token to replace the present one.
    pub(crate) fn renew(&self) -> Renewal {
        let source = self.clone();
        Box::pin(async move { source.token().await.map(Option::unwrap_or_default) })
    }

    /// A token to begin with; `None` where the node asks for none.
    pub(crate) async fn token(&self) -> Result<Option<String>, Error> {
        match self {
            Self::Nothing => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::Provider(provide) => {
                provide().await.map(Some).map_err(|cause| Error::with_source(ErrorKind::Token, cause))
            }
        }
    }
}

impl fmt::Debug for TokenSource {
    /// Tokens are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Fixed(_) => "Fixed(…)",
            Self::Provider(_) => "Provider(…)",
        })
    }
}
