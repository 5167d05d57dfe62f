//! The node that a command talks to.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use fanfare_client::{Client, ErrorKind};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

/// The token of commands that are given none.
const TOKEN_VARIABLE: &str = "FANFARE_TOKEN";

/// How this program is called in a node's log.
const CLIENT_NAME: &str = concat!("fanfare-cli/", env!("CARGO_PKG_VERSION"));

/// How long an answer over HTTP may take: a loaded node takes seconds, one that is gone never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the next bytes of a download may take: a node on a slow disk pauses for seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Which node, and as whom.
#[derive(Debug, Args)]
pub(super) struct Node {
    /// The node.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000", value_parser = url)]
    url: Url,
    /// A token, for nodes that ask for one [env: FANFARE_TOKEN]
    #[arg(long)]
    token: Option<String>,
}

impl Node {
    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The token that was given, here or in the environment.
    pub(super) fn token(&self) -> Option<String> {
        let given = self.token.clone().or_else(|| std::env::var(TOKEN_VARIABLE).ok());
        given.filter(|token| !token.is_empty())
    }

    /// Connects a session. Later losses of the connection are the client's to mend.
    pub(super) async fn connect(&self) -> Result<Client> {
        let mut builder = Client::builder(self.url.as_str()).client_name(CLIENT_NAME);
        if let Some(token) = self.token() {
            builder = builder.token(token);
        }
        builder.connect().await.map_err(|error| match error.kind() {
            ErrorKind::Unreachable | ErrorKind::Timeout => anyhow::Error::from(error).context(self.unreachable()),
            _ => error.into(),
        })
    }

    /// Asks over HTTP.
    pub(super) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let mut url = self.at(path)?;
        url.query_pairs_mut().extend_pairs(parameters);
        self.send(Method::GET, url, None).await
    }

    /// Puts something over HTTP.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::PUT, self.at(path)?, Some(body)).await
    }

    /// Asks for something that is not JSON, and of any length; whoever takes it may take as long as he likes.
    pub(super) async fn download(&self, path: &str) -> Result<Response> {
        let client = reqwest::Client::builder().read_timeout(READ_TIMEOUT).build()?;
        let response = self.request(&client, Method::GET, self.at(path)?).send().await;
        let response = response.with_context(|| self.unreachable())?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(&self.body(response).await?))
    }

    /// Where a browser finds one of its demos.
    pub(super) fn page(&self, demo: &str) -> Result<Url> {
        self.at(&format!("/demo/{demo}/"))
    }

    fn at(&self, path: &str) -> Result<Url> {
        self.url.join(path).context("the URL of the node cannot be used")
    }

    async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Value> {
        let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?;
        let mut request = self.request(&client, method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| self.unreachable())?;
        let status = response.status();
        let body = self.body(response).await?;
        if status.is_success() { Ok(body) } else { Err(refusal(&body)) }
    }

    fn request(&self, client: &reqwest::Client, method: Method, url: Url) -> RequestBuilder {
        let request = client.request(method, url);
        match self.token() {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn body(&self, response: Response) -> Result<Value> {
        let (status, body) = (response.status(), response.bytes().await.with_context(|| self.unreachable())?);
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answered {status} and no JSON: is it a Fanfare node?", self.url))
    }

    fn unreachable(&self) -> String {
        let url = &self.url;
        format!("cannot reach {url}, start a node with `fanfare serve` or name another by --url")
    }
}

fn refusal(problem: &Value) -> anyhow::Error {
    let member = |name: &str| problem[name].as_str().unwrap_or("?");
    anyhow!("{} ({}): {}", member("name"), problem["code"], member("message"))
}

/// Runs a command that talks to a node, on this thread.
pub(super) fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    crate::logging::of_a_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

fn url(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if url.scheme() == "https" => {
            Err("this version speaks http only: ask a node or a proxy on this machine".to_owned())
        }
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(url),
        Ok(_) | Err(_) => Err("write it as http://HOST:PORT".to_owned()),
    }
}
